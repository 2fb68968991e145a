# goal: the graded method is inherited and calls helpers of the class
# outcome: accepted
# test: Solution().run(n=4) == [0, 3, 6, 9]
class Base:
    STEP = 3

    def run(self, n):
        return [self._one(k) for k in range(n)]


class Solution(Base):
    def _one(self, k):
        return k * self.STEP
