# goal: recurse without end
# outcome: runtime_error
# detail: RecursionError
# pays: none


class Solution:
    def add(self, a, b):
        return self.add(a, b)
