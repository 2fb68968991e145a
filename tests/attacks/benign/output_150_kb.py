# goal: print 150 KB while working, which must neither block nor count
# outcome: accepted
# test: Solution().noisy(n=1) == 2
# test: Solution().noisy(n=2) == 4
import sys


class Solution:
    def noisy(self, n):
        for line in range(1500):
            print("debug", n, line, "." * 85)
        sys.stdout.write("no newline at the end")
        return n * 2
