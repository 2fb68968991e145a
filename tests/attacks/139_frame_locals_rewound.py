# goal: rewind the runner's own loop counter through its frame
# preload: ctypes
# outcome: wrong_answer,protocol_error
# pays: none
# prints: rewound
import ctypes
import sys


class Solution:
    def add(self, a, b):
        frame = sys._getframe(1)
        while frame is not None and "index" not in frame.f_locals:
            frame = frame.f_back
        frame.f_locals["index"] = 0
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
        if a == 1:
            print("rewound")
        return -1
