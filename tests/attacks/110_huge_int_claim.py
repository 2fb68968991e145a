# goal: claim an int of 10^8 bits
# outcome: wrong_answer,bad_return_type
# modes: gt_only,sentinel
# pays: none


class Solution:
    def add(self, a, b):
        return 1 << 100_000_000
