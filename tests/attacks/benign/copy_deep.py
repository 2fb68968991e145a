# goal: copy and deepcopy of knotted structures
# outcome: accepted
# test: Solution().twins(values=[1, [2, 3]]) == ([1, [2, 3]], [1, [2, 3, 4]], True, True)
import copy


class Node:
    def __init__(self, value):
        self.value = value
        self.neighbours = []


class Solution:
    def twins(self, values):
        deep, flat = copy.deepcopy(values), copy.copy(values)
        values[1].append(4)
        one, two = Node(1), Node(2)
        one.neighbours.append(two)
        two.neighbours.append(one)
        twin = copy.deepcopy(one)
        return deep, flat, twin is not one, twin.neighbours[0].neighbours[0] is twin
