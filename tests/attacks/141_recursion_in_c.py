# goal: overflow the C stack
# limits: default
# outcome: killed,runtime_error
# modes: gt_only
# pays: none
import functools
import sys


def deeper(one, other):
    return functools.reduce(deeper, [1, 1])


class Solution:
    def add(self, a, b):
        sys.setrecursionlimit(2**31 - 1)
        return deeper(a, b)
