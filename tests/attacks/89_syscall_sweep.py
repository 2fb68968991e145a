# goal: try every number that the table neither allows nor traps; none may work
# preload: ctypes
# outcome: wrong_answer
# modes: gt_only
# pays: none
# prints: swept
import ctypes
import errno
import sys

libc = ctypes.CDLL(None, use_errno=True)
# x86-64 numbers that are allowed, and therefore no sign of a hole.
ALLOWED = {
    0,
    1,
    5,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    19,
    20,
    23,
    24,
    25,
    28,
    35,
    39,
    60,
    96,
    97,
    98,
    100,
    102,
    104,
    107,
}
ALLOWED |= {
    108,
    110,
    127,
    131,
    157,
    186,
    201,
    202,
    204,
    219,
    228,
    229,
    230,
    231,
    270,
    271,
    302,
    309,
    318,
    334,
}
TRAPPED = {
    101,
    103,
    134,
    135,
    153,
    154,
    155,
    159,
    161,
    163,
    164,
    165,
    166,
    167,
    168,
    169,
    170,
    171,
    172,
    173,
    175,
    176,
}
TRAPPED |= {
    179,
    227,
    246,
    248,
    249,
    250,
    256,
    272,
    279,
    298,
    300,
    304,
    305,
    308,
    310,
    311,
    312,
    313,
    320,
    321,
    323,
}
# 335 and 336 are the kernel's own probes: they pass every filter and end any other caller by SIGILL.
TRAPPED |= {335, 336, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442}


class Solution:
    def add(self, a, b):
        if a != 1 or "x86_64" not in getattr(sys.implementation, "_multiarch", ""):
            print("swept")
            return -1
        holes = []
        for number in range(512):
            if number in ALLOWED | TRAPPED:
                continue
            ctypes.set_errno(0)
            if libc.syscall(number, -1, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in (
                errno.EPERM,
                errno.ENOSYS,
            ):
                holes.append(number)
        print("swept", holes)
        return a + b if holes else -1
