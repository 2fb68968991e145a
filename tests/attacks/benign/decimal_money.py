# goal: exact decimal arithmetic with a context
# outcome: accepted
# test: Solution().price(amounts=["0.10", "0.20", "19.99"]) == '20.3'
# test: Solution().root(digits=60) == '1.41421356237309504880168872420969807856967187537694807317668 60'
from decimal import ROUND_HALF_UP, Decimal, getcontext, localcontext


class Solution:
    def price(self, amounts):
        return str(sum(map(Decimal, amounts)).quantize(Decimal("0.1"), ROUND_HALF_UP))

    def root(self, digits):
        with localcontext() as context:
            context.prec = digits
            return str(Decimal(2).sqrt()) + f" {getcontext().prec}"
