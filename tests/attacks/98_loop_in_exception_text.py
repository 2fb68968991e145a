# goal: an exception whose text takes for ever
# limits: brief
# outcome: tle_cpu
# modes: gt_only
# pays: none


class Endless(Exception):
    def __str__(self):
        while True:
            pass


class Solution:
    def add(self, a, b):
        raise Endless
