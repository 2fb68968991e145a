# goal: a program that finds out its own recursion limit
# outcome: accepted
# test: Solution().try_deep(n=500) == True
# test: Solution().try_deep(n=200000) == False


class Solution:
    def try_deep(self, n: int) -> bool:
        def down(k):
            return 0 if k == 0 else 1 + down(k - 1)

        try:
            return down(n) == n
        except RecursionError:
            return False
