# goal: work in a second thread
# outcome: runtime_error
# detail: RuntimeError: can't start new thread
import threading


class Solution:
    def add(self, a, b):
        found = []
        worker = threading.Thread(target=lambda: found.append(a + b))
        worker.start()
        worker.join()
        return found[0]
