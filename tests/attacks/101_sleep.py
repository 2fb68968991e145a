# goal: hold the worker without using its CPU
# outcome: tle_wall
# limits: wall
# modes: gt_only
# pays: none
import time


class Solution:
    def add(self, a, b):
        while True:
            time.sleep(1000)
