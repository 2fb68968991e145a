# goal: a pipe
# outcome: runtime_error
# detail: PermissionError
import os


class Solution:
    def add(self, a, b):
        reader, writer = os.pipe()
        os.write(writer, b"x")
        return a + b
