# goal: recursion to 10^4 with lru_cache
# outcome: accepted
# test: Solution().fib(n=10) == 55
# test: Solution().last_digits(n=9000) == 362482172
import sys
from functools import lru_cache

sys.setrecursionlimit(10**6)


@lru_cache(None)
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Solution:
    def fib(self, n: int) -> int:
        return fib(n)

    def last_digits(self, n: int) -> int:
        return fib(n) % 1000000007
