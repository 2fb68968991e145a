# goal: crash the interpreter without any module, by a code object that underflows its stack
# outcome: killed,runtime_error,mle,wrong_answer,tle_cpu
# pays: none


def victim():
    return 0


class Solution:
    def add(self, a, b):
        victim.__code__ = victim.__code__.replace(co_stacksize=1, co_consts=())
        return victim()
