# goal: signal itself
# outcome: runtime_error
# detail: PermissionError
import os
import signal


class Solution:
    def add(self, a, b):
        os.kill(os.getpid(), signal.SIGUSR1)
        return a + b
