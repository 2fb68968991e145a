# goal: read a line that nobody writes
# outcome: runtime_error
# detail: EOFError
class Solution:
    def add(self, a, b):
        return int(input()) + a + b
