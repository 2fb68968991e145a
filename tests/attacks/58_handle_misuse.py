# goal: call everything that the runner's handle offers, in the wrong state and with absurd arguments
# outcome: wrong_answer
# pays: none
# prints: held
import sys


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
        zygote = handle()
        for use in (
            lambda: zygote.setup_done("forged"),
            lambda: zygote.call(10**9),
            lambda: zygote.call(-1),
            lambda: zygote.capture_nodes(int, str),
            lambda: zygote.capture_nodes(type, object),
            lambda: zygote.record(4, 0, 5),
            lambda: zygote.record(999, 0, ""),
            lambda: type(zygote)(),
            lambda: zygote.next(),
        ):
            try:
                use()
            except BaseException:
                pass
        if a == 1:
            print("held")
        return -1
