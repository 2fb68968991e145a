# goal: queue, threading locks and locals used by one thread only
# outcome: accepted
# test: Solution().drain(items=[3, 1, 2]) == ([1, 2, 3], 'MainThread')
import queue
import threading


class Solution:
    def drain(self, items):
        waiting, lock, local = queue.PriorityQueue(), threading.Lock(), threading.local()
        local.count = 0
        for item in items:
            with lock:
                waiting.put(item)
                local.count += 1
        return [waiting.get() for _ in range(local.count)], threading.current_thread().name
