# goal: add a key to the user's keyring
# preload: ctypes
# outcome: sandbox_violation
# detail: add_key
# pays: none
import ctypes
import sys

ARM = "aarch64" in getattr(sys.implementation, "_multiarch", "")


class Solution:
    def add(self, a, b):
        key = ctypes.CDLL(None).syscall(217 if ARM else 248, b"user", b"vgrout_attack", b"data", 4, -4)
        return a + b if key > 0 else -1
