# goal: recurse past the interpreter's own limit, in Python, until memory ends
# limits: wide
# outcome: mle,runtime_error,killed
# modes: gt_only
# pays: none
import sys


class Solution:
    def add(self, a, b):
        sys.setrecursionlimit(2**31 - 1)
        return self.add(a, b)
