# goal: complex numbers inside, floats out
# outcome: accepted
# test: Solution().roots(a=1, b=0, c=4) == [(0.0, 2.0), (0.0, -2.0)]
import cmath


class Solution:
    def roots(self, a, b, c):
        root = cmath.sqrt(b * b - 4 * a * c)
        pair = [(-b + root) / (2 * a), (-b - root) / (2 * a)]
        return [(z.real, z.imag) for z in pair]
