# goal: handle the crash and crash again, for ever
# preload: ctypes
# limits: brief
# outcome: tle_cpu
# modes: gt_only
# pays: none
import ctypes
import signal

signal.signal(signal.SIGSEGV, lambda *_: None)


class Solution:
    def add(self, a, b):
        return ctypes.string_at(1)
