# goal: positive and negative infinity as values and as bounds
# outcome: accepted
# test: Solution().bounds(values=[]) == [inf, -inf]
# test: Solution().bounds(values=[3.5, 1]) == [1, 3.5]
# test: Solution().bounds(values=[1]) == [1.0, 1.0]
class Solution:
    def bounds(self, values):
        low, high = float("inf"), float("-inf")
        for value in values:
            low, high = min(low, value), max(high, value)
        return [low, high]
