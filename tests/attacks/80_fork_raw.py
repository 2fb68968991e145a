# goal: make a process or a thread by raw system calls: clone3, clone, fork, vfork
# preload: ctypes
# outcome: wrong_answer
# pays: none
import ctypes
import sys

ARM = "aarch64" in getattr(sys.implementation, "_multiarch", "")


class Solution:
    def add(self, a, b):
        libc = ctypes.CDLL(None)
        arguments = ctypes.create_string_buffer(88)
        arguments[32] = b"\x11"  # exit_signal = SIGCHLD
        calls = [(435, ctypes.byref(arguments), 88), (220 if ARM else 56, 17, 0, 0, 0, 0)]
        calls += [] if ARM else [(57,), (58,), (56, 0x80000000 | 17, 0, 0, 0, 0), (56, 0x50F00, 0, 0, 0, 0)]
        for call in calls:
            pid = libc.syscall(*call)
            if pid == 0:
                libc._exit(0)
            if pid > 0:
                return a + b
        return -1
