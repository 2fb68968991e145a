# goal: hold the worker by a lock that nobody releases
# outcome: tle_wall
# limits: wall
# modes: exit_code
# pays: none
import threading


class Solution:
    def add(self, a, b):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
        return -1
