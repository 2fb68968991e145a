# goal: statistics, exact and float
# outcome: accepted
# test: Solution().summary(values=[2, 4, 4, 4, 5, 5, 7, 9]) == [5, 4.5, 4, 2.0, [4.0, 4.5, 6.5]]
import statistics


class Solution:
    def summary(self, values):
        return [
            statistics.mean(values),
            statistics.median(values),
            statistics.mode(values),
            statistics.pstdev(values),
            statistics.quantiles(values, n=4),
        ]
