# goal: take all memory at once
# outcome: mle
# pays: none


class Solution:
    def add(self, a, b):
        return len(bytearray(1 << 40)) + len([0] * (1 << 50))
