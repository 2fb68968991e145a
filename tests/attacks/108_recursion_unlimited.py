# goal: recurse past the interpreter's own limit, each level holding memory, until none is left
# modes: gt_only
# outcome: mle
# pays: none
import sys

sys.setrecursionlimit(2**31 - 1)


class Solution:
    def add(self, a, b):
        held = bytearray(1 << 18)
        return self.add(a, b) + len(held)
