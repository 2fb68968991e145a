# goal: an OrderedDict as a cache and as a return value
# outcome: accepted
# test: Solution().cache(keys=[1, 2, 3, 1, 4], size=2) == {1: 1, 4: 16}
from collections import OrderedDict


class Solution:
    def cache(self, keys, size):
        held = OrderedDict()
        for key in keys:
            held.pop(key, None)
            held[key] = key * key
            if len(held) > size:
                held.popitem(last=False)
        return held
