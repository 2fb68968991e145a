# goal: ignore, block and handle every signal, then never return
# limits: brief
# outcome: tle_cpu
# modes: gt_only
# pays: none
import signal

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


class Solution:
    def add(self, a, b):
        while True:
            signal.sigpending()
