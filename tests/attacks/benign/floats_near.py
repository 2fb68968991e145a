# goal: tests with a tolerance
# outcome: accepted
# test: abs(Solution().root(x=2) - 1.4142135623) < 1e-6
# test: abs(Solution().root(x=9) - 3) < 1e-6
class Solution:
    def root(self, x):
        low, high = 0.0, max(1.0, float(x))
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if middle * middle <= x else (low, middle)
        return low
