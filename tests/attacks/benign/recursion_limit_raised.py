# goal: sys.setrecursionlimit and sys queries
# outcome: accepted
# test: Solution().depth(n=5000) == 5000
import sys

sys.setrecursionlimit(20_000)


class Solution:
    def depth(self, n):
        return 0 if n == 0 else 1 + self.depth(n - 1)
