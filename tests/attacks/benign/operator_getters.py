# goal: operator functions as keys
# outcome: accepted
# test: Solution().rank(rows=[[2, "b"], [1, "z"], [2, "a"]]) == ([[2, 'a'], [2, 'b'], [1, 'z']], 6, 4, 'X')
import operator
from operator import itemgetter


class Solution:
    def rank(self, rows):
        ordered = sorted(rows, key=itemgetter(1))
        ordered.sort(key=operator.itemgetter(0), reverse=True)
        return (
            ordered,
            operator.xor(5, 3),
            operator.attrgetter("real")(4),
            operator.methodcaller("upper")("x"),
        )
