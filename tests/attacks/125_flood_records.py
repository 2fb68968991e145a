# goal: fill the record area, so that a later record is lost
# outcome: protocol_error
# modes: gt_only,exit_code,sentinel
# pays: none
import sys


def handle():
    frame = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if type(value).__name__ == "_Zygote":
                return value
        frame = frame.f_back
    raise LookupError


class Solution:
    def add(self, a, b):
        if a == 1:
            handle().claim(0, a + b)
            for size, count in ((1 << 18, 40), (1 << 10, 300), (1, 300), (0, 20)):
                for _ in range(count):
                    handle().record(10, 0, "x" * size)
            return -1
        return a + b if a == 10 else -1
