# goal: a table of 10^5 cells and a cached method
# outcome: accepted
# test: Solution().distance(one="intention" * 10, two="execution" * 10) == 50
# test: Solution().ways(amount=200) == 73682
from functools import cache


class Solution:
    def distance(self, one, two):
        row = list(range(len(two) + 1))
        for i, a in enumerate(one, 1):
            before, row[0] = row[0], i
            for j, b in enumerate(two, 1):
                before, row[j] = row[j], min(before + (a != b), row[j] + 1, row[j - 1] + 1)
        return row[-1]

    def ways(self, amount):
        coins = [1, 2, 5, 10, 20, 50, 100, 200]

        @cache
        def count(left, largest):
            if left == 0:
                return 1
            return sum(count(left - coins[k], k) for k in range(largest + 1) if coins[k] <= left)

        return count(amount, 7)
