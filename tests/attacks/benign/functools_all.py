# goal: reduce, partial, cmp_to_key, cached_property, singledispatch, total_ordering
# outcome: accepted
# test: Solution().largest(nums=[3, 30, 34, 5, 9]) == '9534330'
# test: Solution().kinds() == ['int', 'list', 'other', 32, True]
import functools


@functools.singledispatch
def kind(value):
    return "other"


@kind.register
def _(value: int):
    return "int"


@kind.register(list)
def _(value):
    return "list"


@functools.total_ordering
class Version:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return self.parts == other.parts

    def __lt__(self, other):
        return self.parts < other.parts

    @functools.cached_property
    def parts(self):
        return tuple(map(int, self.text.split(".")))


class Solution:
    def largest(self, nums):
        key = functools.cmp_to_key(lambda a, b: int(b + a) - int(a + b))
        return functools.reduce(lambda a, b: a + b, sorted(map(str, nums), key=key)) or "0"

    def kinds(self):
        add = functools.partial(pow, 2)
        return [kind(1), kind([]), kind(None), add(5), Version("1.10") >= Version("1.9")]
