# goal: print at module level, in methods, to stderr, flushed and unflushed
# outcome: accepted
# test: Solution().value() == [1, 'ok']
import sys

print("loaded", flush=True)
print("warning", file=sys.stderr)


class Solution:
    def __init__(self):
        print("made")

    def value(self):
        print("ünïcödé ✓", end="")
        sys.stderr.write("more\n")
        return [1, "ok"]
