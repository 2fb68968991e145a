# goal: memory that outlives the process: System V, POSIX, memfd, message queues
# preload: ctypes
# outcome: wrong_answer
# pays: none
# live: yes
import ctypes

KEY = 0x76677274


class Solution:
    def add(self, a, b):
        libc = ctypes.CDLL(None)
        for use in (
            lambda: libc.shmget(KEY, 4096, 0o1666),
            lambda: libc.semget(KEY, 1, 0o1666),
            lambda: libc.msgget(KEY, 0o1666),
            lambda: libc.shm_open(b"/vgrout_attack", 0o102, 0o666),
            lambda: libc.memfd_create(b"vgrout_attack", 0),
            lambda: libc.mq_open(b"/vgrout_attack", 0o102, 0o666, None),
            lambda: libc.syscall(447, 0),
        ):
            made = use()
            if made >= 0:
                libc.shmctl(made, 0, None)
                return a + b
        return -1
