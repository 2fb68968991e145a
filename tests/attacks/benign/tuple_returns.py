# goal: tuples, nested tuples and an empty tuple
# outcome: accepted
# test: Solution().split(values=[5, 1, 4]) == (1, 5, (), ((5, 1, 4), ((1,),)))
class Solution:
    def split(self, values):
        return min(values), max(values), (), (tuple(values), ((1,),))
