# goal: change the working directory
# outcome: runtime_error
# detail: PermissionError
import os


class Solution:
    def add(self, a, b):
        os.chdir("/")
        return a + b
