# goal: 300 MB on standard output, to fill the reader
# outcome: output_limit
# modes: gt_only,stdout_marker
# pays: none
import os


class Solution:
    def add(self, a, b):
        block = b"x" * (1 << 16)
        for _ in range(5000):
            os.write(1, block)
        return -1
