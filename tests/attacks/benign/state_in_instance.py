# goal: state kept in the instance and in the class, as memo tables are
# outcome: accepted
# test: Solution().climb(n=30) == 1346269
# test: Solution().climb(n=1) == 1
class Solution:
    memo = {}

    def __init__(self):
        self.calls = 0

    def climb(self, n):
        self.calls += 1
        if n < 3:
            return n
        if n not in self.memo:
            self.memo[n] = self.climb(n - 1) + self.climb(n - 2)
        return self.memo[n]
