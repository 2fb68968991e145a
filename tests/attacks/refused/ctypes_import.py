# goal: ctypes where it was not preloaded
# outcome: runtime_error
# detail: ModuleNotFoundError: No module named 'ctypes'
import ctypes


class Solution:
    def add(self, a, b):
        return ctypes.c_long(a + b).value
