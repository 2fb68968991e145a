# goal: return things that produce values when looked at
# problem: rows
# outcome: bad_return_type
# pays: none


class Solution:
    def rows(self, n):
        return ([number] * number for number in range(1, n + 1))
