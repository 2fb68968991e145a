# goal: claim a list that holds itself, in several ways
# problem: rows
# outcome: bad_return_type
# pays: none


class Solution:
    def rows(self, n):
        knot = []
        knot.append(knot)
        pair = (knot, {0: knot})
        knot.append(pair)
        return knot
