# goal: fork
# outcome: runtime_error
# detail: PermissionError
import os


class Solution:
    def add(self, a, b):
        if os.fork() == 0:
            os._exit(0)
        return a + b
