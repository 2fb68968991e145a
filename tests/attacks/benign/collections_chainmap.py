# goal: ChainMap, namedtuple and UserDict inside, plain values out
# outcome: accepted
# test: Solution().look(names=["a", "b", "c"]) == [1, 3, -1, 9, 4, 5]
from collections import ChainMap, UserDict, namedtuple

Point = namedtuple("Point", "x y", defaults=[0])


class Solution:
    def look(self, names):
        scopes = ChainMap({"a": 1}, {"a": 2, "b": 3})
        own = UserDict(z=9)
        point = Point(4)
        return [scopes.get(name, -1) for name in names] + [own["z"], point.x, point._replace(y=5).y]
