# goal: hit the memory limit, swallow the error and answer wrongly
# outcome: wrong_answer
# modes: gt_only
# pays: none


class Solution:
    def add(self, a, b):
        try:
            return len("x" * (1 << 40))
        except MemoryError:
            return -1
