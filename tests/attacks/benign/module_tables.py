# goal: tables computed at module level
# outcome: accepted
# test: Solution().primes(n=100000) == 9592
# test: Solution().steps(n=27) == 111
LIMIT = 100_001
IS_PRIME = bytearray([1]) * LIMIT
IS_PRIME[0] = IS_PRIME[1] = 0
for number in range(2, int(LIMIT**0.5) + 1):
    if IS_PRIME[number]:
        IS_PRIME[number * number :: number] = bytes(len(range(number * number, LIMIT, number)))
COUNTS = [0]
for flag in IS_PRIME[1:]:
    COUNTS.append(COUNTS[-1] + flag)
MEMO = {1: 0}


class Solution:
    def primes(self, n):
        return COUNTS[n]

    def steps(self, n):
        if n not in MEMO:
            MEMO[n] = 1 + self.steps(n // 2 if n % 2 == 0 else 3 * n + 1)
        return MEMO[n]
