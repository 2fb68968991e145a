# goal: close and swap the standard streams, so that a runner loses its way to answer
# outcome: wrong_answer
# pays: none
import os
import sys


class Loud:
    def flush(self):
        raise SystemExit(0)

    def write(self, text):
        raise SystemExit(0)


for number in (0, 1, 2):
    try:
        os.close(number)
    except OSError:
        pass
sys.stdout.close()
sys.stdout = sys.stderr = sys.__stdout__ = Loud()


class Solution:
    def add(self, a, b):
        return -1
