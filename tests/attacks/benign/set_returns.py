# goal: sets, frozensets and sets of tuples
# outcome: accepted
# test: Solution().unique(words=["a", "b", "a"]) == {"a", "b"}
# test: Solution().unique(words=[]) == set()
# test: Solution().pairs(n=2) == {(0, 1), (1, 0), (0, 0), (1, 1)}
class Solution:
    def unique(self, words):
        return set(words)

    def pairs(self, n):
        return frozenset((a, b) for a in range(n) for b in range(n))
