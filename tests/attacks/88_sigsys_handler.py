# goal: survive a violation by blocking, ignoring or handling the signal that reports it
# preload: ctypes
# outcome: sandbox_violation
# pays: none
import ctypes
import signal
import sys

ARM = "aarch64" in getattr(sys.implementation, "_multiarch", "")


class Solution:
    def add(self, a, b):
        for action in (signal.SIG_IGN, lambda *_: None):
            try:
                signal.signal(signal.SIGSYS, action)
            except OSError:
                pass
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        attributes = ctypes.create_string_buffer(128)
        ctypes.CDLL(None).syscall(280 if ARM else 321, 0, attributes, 128)
        return a + b
