# goal: a solution that destroys its arguments while it works
# outcome: accepted
# test: Solution().drain(values=[4, 2, 9], table={"a": [1]}) == ({'a': [], 'b': [9]}, [2, 4])
# test: Solution().drain(values=[4, 2, 9], table={"a": [1]}) == ({'a': [], 'b': [9]}, [2, 4])
class Solution:
    def drain(self, values, table):
        values.sort()
        table.setdefault("b", []).append(values.pop())
        table["a"].clear()
        return table, values
