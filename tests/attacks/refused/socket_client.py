# goal: connect to a server
# outcome: runtime_error
# detail: PermissionError
import socket


class Solution:
    def add(self, a, b):
        with socket.create_connection(("127.0.0.1", 9), timeout=1):
            return a + b
