# goal: a helper class with path compression
# outcome: accepted
# test: Solution().islands(n=6, edges=[[0, 1], [1, 2], [4, 5]]) == 3
class UnionFind:
    def __init__(self, n):
        self.parent = list(range(n))

    def find(self, x):
        while self.parent[x] != x:
            self.parent[x] = self.parent[self.parent[x]]
            x = self.parent[x]
        return x

    def join(self, a, b):
        self.parent[self.find(a)] = self.find(b)


class Solution:
    def islands(self, n, edges):
        sets = UnionFind(n)
        for a, b in edges:
            sets.join(a, b)
        return len({sets.find(k) for k in range(n)})
