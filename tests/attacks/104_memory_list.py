# goal: take all memory in small pieces
# outcome: mle
# modes: gt_only
# pays: none


class Solution:
    def add(self, a, b):
        kept = []
        while True:
            kept.append(bytearray(1 << 16))
