# goal: floats whose digits must survive the way out
# outcome: accepted
# test: Solution().floats() == [0.30000000000000004, 1e-310, 1.7976931348623157e+308, -0.0, 0.3333333333333333, 5e-324, 1e+22]
class Solution:
    def floats(self):
        return [0.1 + 0.2, 1e-310, 1.7976931348623157e308, -0.0, 1 / 3, 2.0**-1074, 1e22]
