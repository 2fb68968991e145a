# goal: claims whose bytes are no value: cut, too deep, too many, too long
# outcome: wrong_answer,protocol_error
# pays: none
import sys

BYTES = [
    "\x09\x7f\x7f\x7f\x7f" + "\x00" * 99,
    "\x09\x01\x00\x00\x00" * 100_000 + "\x00",
    "\x06\x00\x00\x00\x7f",
    "\x06\x40\x42\x0f\x00" + "\x7f" * 1_000_000,
    "\x0b\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00",
    "",
]


def handle():
    frame = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if type(value).__name__ == "_Zygote":
                return value
        frame = frame.f_back
    raise LookupError


class Solution:
    def add(self, a, b):
        if a == 1:
            for index, text in enumerate(BYTES):
                handle().record(4, index, text)
            handle().record(8, 0, "")
            handle().exit(0)
        return -1
