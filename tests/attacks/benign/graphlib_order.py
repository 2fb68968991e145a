# goal: topological order by graphlib, difflib, pprint, reprlib, types
# outcome: accepted
# test: Solution().order() == (['a', 'b', 'c'], ['apple', 'ape'], "{'k': [1]}", '[0, 1, 2, 3, 4, 5, ...]', 1)
import difflib
import graphlib
import pprint
import reprlib
import types


class Solution:
    def order(self):
        order = list(graphlib.TopologicalSorter({"c": {"b"}, "b": {"a"}}).static_order())
        near = difflib.get_close_matches("appel", ["ape", "apple", "peach"])
        space = types.SimpleNamespace(x=1)
        return order, near, pprint.pformat({"k": [1]}), reprlib.repr(list(range(100))), space.x
