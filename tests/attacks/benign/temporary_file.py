# goal: a temporary file
# outcome: accepted
import tempfile


class Solution:
    def add(self, a, b):
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        return a + b
