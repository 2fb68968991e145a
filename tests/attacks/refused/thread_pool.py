# goal: a pool of threads
# outcome: runtime_error
# detail: RuntimeError: can't start new thread
from concurrent.futures import ThreadPoolExecutor


class Solution:
    def add(self, a, b):
        with ThreadPoolExecutor(2) as pool:
            return pool.submit(lambda: a + b).result()
