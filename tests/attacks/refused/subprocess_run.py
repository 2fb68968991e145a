# goal: run another program
# outcome: runtime_error
# detail: PermissionError
import subprocess


class Solution:
    def add(self, a, b):
        return int(subprocess.run(["expr", str(a), "+", str(b)], capture_output=True, text=True).stdout)
