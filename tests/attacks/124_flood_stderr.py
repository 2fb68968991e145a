# goal: 300 MB on standard error
# outcome: wrong_answer
# modes: gt_only
# pays: none
import os
import sys


class Solution:
    def add(self, a, b):
        block = b"x" * (1 << 16)
        for _ in range(800):
            os.write(2, block)
        sys.stderr.write("\r\x1b[2J\x00")
        return -1
