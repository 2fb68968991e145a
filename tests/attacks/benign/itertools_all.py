# goal: permutations, combinations, groupby, accumulate, product, pairwise
# outcome: accepted
# test: Solution().shapes(n=3) == {'permutations': [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]], 'combinations': [(1, 2), (1, 3), (2, 3)], 'groups': [('a', 2), ('b', 3), ('c', 1)], 'sums': [1, 3, 6], 'pairs': [(1, 2), (2, 3)], 'grid': 27, 'chain': [1, 2, 3], 'zip': [('a', 1), ('b', None)]}
import itertools


class Solution:
    def shapes(self, n):
        numbers = range(1, n + 1)
        return {
            "permutations": [list(p) for p in itertools.permutations(numbers)],
            "combinations": list(itertools.combinations(numbers, 2)),
            "groups": [(key, len(list(group))) for key, group in itertools.groupby("aabbbc")],
            "sums": list(itertools.accumulate(numbers)),
            "pairs": list(itertools.pairwise(numbers)),
            "grid": len(list(itertools.product(numbers, repeat=3))),
            "chain": list(itertools.chain.from_iterable([[1], [2, 3]])),
            "zip": list(itertools.zip_longest("ab", [1], fillvalue=None)),
        }
