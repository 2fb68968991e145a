# goal: catastrophic backtracking
# limits: brief
# outcome: tle_cpu
# modes: gt_only
# pays: none
import re


class Solution:
    def add(self, a, b):
        return len(re.findall(r"(a|aa|a*)*$", "a" * 40 + "b"))
