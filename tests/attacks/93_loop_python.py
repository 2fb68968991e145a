# goal: never return
# limits: brief
# outcome: tle_cpu
# modes: gt_only
# pays: none


class Solution:
    def add(self, a, b):
        while True:
            pass
