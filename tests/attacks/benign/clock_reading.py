# goal: every clock, a short sleep and timeit
# outcome: accepted
# test: Solution().measure() == [True, True, True, True, True, '1970', True]
import time
import timeit


class Solution:
    def measure(self):
        started = time.perf_counter()
        time.sleep(0.001)
        passed = [
            time.time() > 1e9,
            time.monotonic() > 0,
            time.perf_counter() > started,
            time.process_time() >= 0,
        ]
        passed.append(timeit.timeit("1 + 1", number=10) >= 0)
        return passed + [time.strftime("%Y", time.gmtime(0)), time.time_ns() > 0]
