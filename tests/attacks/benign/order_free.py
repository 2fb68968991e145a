# goal: tests that sort the answer or look for it
# outcome: accepted
# test: sorted(Solution().pick(n=3)) == [1, 2, 3]
# test: Solution().one(n=3) in [1, 2, 3]
class Solution:
    def pick(self, n):
        return list(range(n, 0, -1))

    def one(self, n):
        return n
