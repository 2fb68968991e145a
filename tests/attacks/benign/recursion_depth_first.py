# goal: a recursive walk 10^4 nodes deep
# outcome: accepted
# test: Solution().depth(n=10000) == 10001
# test: Solution().depth(n=3) == 4
import sys

sys.setrecursionlimit(50_000)


class Solution:
    def depth(self, n: int) -> int:
        children = {k: [k + 1] for k in range(n)}

        def walk(node: int) -> int:
            return 1 + max((walk(child) for child in children.get(node, [])), default=0)

        return walk(0)
