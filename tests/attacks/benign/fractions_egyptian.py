# goal: Fraction arithmetic
# outcome: accepted
# test: Solution().egyptian(top=7, bottom=15) == [3, 8, 120]
from fractions import Fraction


class Solution:
    def egyptian(self, top, bottom):
        rest, parts = Fraction(top, bottom), []
        while rest:
            unit = -(-rest.denominator // rest.numerator)
            parts.append(unit)
            rest -= Fraction(1, unit)
        return parts
