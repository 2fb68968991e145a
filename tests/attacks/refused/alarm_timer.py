# goal: an alarm
# outcome: runtime_error
# detail: itimer_error
import signal


class Solution:
    def add(self, a, b):
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        return a + b
