# goal: a temporary file
# outcome: runtime_error
# detail: FileNotFoundError
# modes: gt_only
import tempfile


class Solution:
    def add(self, a, b):
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        return a + b
