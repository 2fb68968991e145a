# goal: crash the interpreter and leave a core file with its memory
# preload: ctypes
# outcome: killed
# detail: SIGSEGV
# pays: none
import ctypes


class Solution:
    def add(self, a, b):
        ctypes.string_at(1)
        return a + b
