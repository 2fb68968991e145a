# goal: a pool of processes
# outcome: runtime_error
# detail: ModuleNotFoundError
import multiprocessing


class Solution:
    def add(self, a, b):
        with multiprocessing.Pool(2) as pool:
            return sum(pool.map(int, [a, b]))
