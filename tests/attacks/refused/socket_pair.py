# goal: a pair of sockets within the process
# outcome: runtime_error
# detail: PermissionError
import socket


class Solution:
    def add(self, a, b):
        left, right = socket.socketpair()
        left.send(b"x")
        return a + b
