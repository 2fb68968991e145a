# goal: factorials, powers and digits of big ints
# outcome: accepted
# test: Solution().factorial(n=100) == 93326215443944152681699238856266700490715968264381621468592963895217599993229915608941463976156518286253697920827223758251185210916864000000000000000000000000
# test: Solution().factorial(n=5) == 120
# test: Solution().digit_sum(n=1000) == 1366
import math


class Solution:
    def factorial(self, n: int) -> int:
        return math.prod(range(1, n + 1))

    def digit_sum(self, n: int) -> int:
        return sum(map(int, str(2**n)))
