# goal: gcd, lcm, comb, isqrt, perm and floats
# outcome: accepted
# test: Solution().numbers(a=84, b=36) == [12, 252, 95284, 9, 20, 5.0, -1, 1, -1.0, 3.0]
import math


class Solution:
    def numbers(self, a, b):
        exact = [math.gcd(a, b), math.lcm(a, b), math.comb(a, 3), math.isqrt(a), math.perm(5, 2)]
        return exact + [
            math.hypot(3, 4),
            math.floor(-0.5),
            math.ceil(0.2),
            math.copysign(1.0, -0.0),
            math.log2(8),
        ]
