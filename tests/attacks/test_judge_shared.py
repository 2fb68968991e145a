"""Attempts by identity: what a test keeps, changes or asks to be another object is judged as plain Python judges it."""

import textwrap
import time

import pytest
from test_judge import LIMITS

from vgrout import GradeJob, Grader

KEEPING = {
    "a list made once": "R = []\ndef f(x):\n    R[:] = [x]\n    return R",
    "a default": "def f(x, found=[]):\n    found.insert(0, x)\n    del found[1:]\n    return found",
    "a cache": "import functools\n@functools.lru_cache(None)\ndef f(x):\n    return [x]",
    "nested": "R = []\ndef f(x):\n    R[:] = [x]\n    return (R, {'a': R})[0]",
    "anew": "def f(x):\n    return [x]",
    "a copy": "R = []\ndef f(x):\n    R[:] = [x]\n    return list(R)",
}
OF_RETURNED = [
    "a = f(1)\nb = f(2)\nassert a == [1]",
    "a = f(1)\nb = f(1)\nassert a is not b",
    "a = f(1)\nb = f(1)\nassert a is b",
    "f(1).append(7)\nassert f(1) == [1]",
    "f(1).append(7)\nassert f(1) == [1, 7]",
    "a = f(1)\na.clear()\nb = f(1)\nassert a == []",
    "all_of = [f(x) for x in range(4)]\nassert all_of == [[0], [1], [2], [3]]",
    "all_of = [f(1) for _ in range(4)]\nassert len(set(map(id, all_of))) == 4",
    "import operator\nassert operator.is_not(f(1), f(1))",
    "import unittest\nunittest.TestCase().assertIsNot(f(1), f(1))",
    "def same(a, b):\n    return a is b\nassert not same(f(3), f(3))",
    "a = f(1)\na += [f(2)]\nb = f(3)\nassert len(a) == 2",
]
STACKS = {
    "keeps what it is given": "self.items = items",
    "copies it": "self.items = list(items)",
}
STACK = """
class Stack:
    def __init__(self, items):
        {keep}
        self.seen = {{}}
    def push(self, item):
        self.items.append(item)
        self.seen[item] = len(self.items)
    def all(self):
        return self.items
    def nested(self):
        return [self.items, self.items]
    def fail(self):
        self.items.append("failed")
        raise ValueError("no")
"""
OF_HANDED = [
    "x = [1]\ns = Stack(x)\ns.push(2)\nassert x == [1]",
    "x = [1]\ns = Stack(x)\ns.push(2)\nassert x == [1, 2]",
    "x = [1]\ns = Stack(x)\nx.append(5)\nassert s.all() == [1]",
    "x = [1]\ns = Stack(x)\nx.append(5)\nassert s.all() == [1, 5]",
    "x = [1]\ns = Stack(x)\nassert s.all() is x",
    "s = Stack([1])\nassert s.all() is s.all()",
    "s = Stack([1])\na = s.all()\ns.push(3)\nassert a == [1, 3]",
    "s = Stack([1])\ns.items.append(4)\nassert s.all() == [1, 4]",
    "s = Stack([1])\nn = s.nested()\nassert n[0] is n[1] is s.all()",
    "s = Stack([1])\nn = s.nested()\nn[0].append(n)\nassert s.all()[1][0] == [1, s.all()[1]] or s.all()[1] is n",
    "s = Stack([1])\nseen = s.seen\ns.push(2)\nassert seen == {2: 2}",
    "s = Stack([1])\ns.seen[9] = 9\nassert s.seen == {9: 9}",
    "x = [1]\ns = Stack(x)\ntry:\n    s.fail()\nexcept ValueError:\n    pass\nassert x == [1]",
    "x = [1]\ns = Stack(x)\ntry:\n    s.fail()\nexcept ValueError:\n    pass\nassert s.all() == [1, 'failed']",
    "a, b = [1], [2]\nx = [a, b]\ns = Stack(x)\na.append(3)\nassert s.all() == [[1, 3], [2]]",
    "x = [[1], [2]]\ns = Stack(x)\ninner = s.all()[0]\ninner.append(3)\nassert x == [[1, 3], [2]] and s.all() == x",
    "x = [1]\ns, t = Stack(x), Stack(x)\ns.push(2)\nassert t.all() == [1, 2]",
    "x = [1]\ns, t = Stack(x), Stack(x)\ns.push(2)\nassert t.all() == [1]",
    "s = Stack([1])\nassert type(s) is Stack and type(s) is type(Stack([2])) and s.__class__ is Stack",
    "s = Stack([1])\nassert type(s).__name__ == 'Stack' and type(s) is not list and type(s.all()) is list",
]
BOXES = {
    "gives itself": "self",
    "gives another": "Box(self.value)",
}
BOX = """
class Box:
    def __init__(self, value):
        self.value = value
    def __eq__(self, other):
        return self.value == other.value
    def copy(self):
        return {given}
class Other(Box):
    pass
def same(box):
    return {given_by}
"""
OF_OBJECTS = [
    "b = Box(1)\nassert b.copy() is not b",
    "b = Box(1)\nassert same(b) is not b",
    "b = Box(1)\nassert same(b) is b",
    "b = Box(1)\nassert id(same(b)) == id(b)",
    "b = Box(1)\nassert b.copy() is b is same(b)",
    "import unittest\nb = Box(1)\nunittest.TestCase().assertIs(same(b), b)",
    "b = Box(1)\nassert type(b) is type(Other(1))",
    "b = Box(1)\nassert type(b) is not type(Other(1)) and type(same(b)) is Box",
    "b = Box(1)\nassert None is not same(b) and same(b) is not None",
]
OF_KINDS = {
    "a callback": (
        "K = []\ndef f(x):\n    K.append(x)\n    return K\ndef g(fn):\n    K.append(9)\n    fn(K)\n    return len(K)",
        "a = f(1)\nassert g(lambda k: k.append(5)) == 3 and a == [1, 9, 5]",
        "a, out = f(1), []\ng(out.append)\nassert out[0] is a",
        "a = f(1)\ng(len)\nassert a == [1]",
    ),
    "a set": (
        "S = set()\ndef f(x):\n    S.add(x)\n    return S",
        "a, b = f(1), f(2)\nassert a is b and a == {1, 2}\na.discard(1)\nassert f(3) == {2, 3}",
        "a = f(1)\nf(7)\nassert 7 not in a",
    ),
    "a defaultdict": (
        "from collections import defaultdict\nD = defaultdict(list)\ndef f(k, v):\n    D[k].append(v)\n    return D",
        "a = f('x', 1)\nf('x', 2)\nassert a['x'] == [1, 2]\na['y'].append(7)\nassert f('y', 8)['y'] == [7, 8]",
        "a = f('z', 1)\nf('z', 2)\nassert a['z'] == [1]",
    ),
    "a deque and bytes": (
        "from collections import deque\nQ, B = deque(maxlen=3), bytearray()\ndef f(v):\n    Q.append(v)\n    B.append(v)\n"
        "    return Q, B",
        "a, b = f(1)\nf(2)\nf(3)\nf(4)\nassert list(a) == [2, 3, 4] and b.endswith(bytes([2, 3, 4]))",
        "a, b = f(1)\nf(2)\nassert a[-1] == 1 or b[-1] == 1",
    ),
    "one in itself": (
        "L = []\ndef f(x):\n    L[:] = [x, L]\n    return L",
        "a = f(0)\nassert a[1] is a and a[1][1][0] == 0",
        "a = f(0)\nf(1)\nassert a[0] == 0",
    ),
    "a closure": (
        "def f(xs):\n    def g():\n        xs.append(len(xs))\n        return xs\n    return g",
        "x = []\ng = f(x)\ng()\ng()\nassert x == [0, 1]\nx.clear()\nassert g() == [0]",
        "x = []\nf(x)()\nassert x == []",
    ),
}


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1, limits=LIMITS) as opened:
        yield opened


def holds_in_python(scope: dict[str, object], test: str) -> bool:
    try:
        exec(test, dict(scope))
    except Exception:
        return False
    return True


def assert_judged_as_in_python(grader: Grader, code: str, tests: list[str], entry_point: str) -> None:
    job = GradeJob(f"```python\n{code}\n```", tests, entry_point=entry_point)
    scope: dict[str, object] = {}
    exec(code, scope)
    wanted = [holds_in_python(scope, test) for test in tests]
    assert True in wanted and False in wanted
    found = grader.grade([job])[0].test_bitmap
    different = [test for test, one, other in zip(tests, found, wanted, strict=True) if one is not other]
    assert different == []


@pytest.mark.parametrize("kind", KEEPING)
def test_what_comes_back_is_what_the_answer_still_holds(grader, kind):
    assert_judged_as_in_python(grader, KEEPING[kind], OF_RETURNED, "f")


@pytest.mark.parametrize("kind", STACKS)
def test_what_is_handed_over_is_what_the_answer_keeps(grader, kind):
    code = textwrap.dedent(STACK).format(keep=STACKS[kind])
    assert_judged_as_in_python(grader, code, OF_HANDED, "Stack")


@pytest.mark.parametrize("kind", BOXES)
def test_an_object_is_itself_by_whatever_way_it_comes(grader, kind):
    code = textwrap.dedent(BOX).format(given=BOXES[kind], given_by=BOXES[kind].replace("self", "box"))
    assert_judged_as_in_python(grader, code, OF_OBJECTS, "same")


@pytest.mark.parametrize("kind", OF_KINDS)
def test_every_kind_of_changeable_value_is_held_by_both(grader, kind):
    code, *tests = OF_KINDS[kind]
    assert_judged_as_in_python(grader, code, tests, "f")


HOLDER = "class A:\n    def __init__(self, items):\n        self.items = items\n    def at(self, place):\n        return self.items[place]"


def test_what_is_held_costs_little_at_each_call(grader):
    def seconds(size):
        test = f"a = A(list(range({size})))\nassert [a.at(place % {size}) for place in range(200)]"
        start = time.perf_counter()
        assert grader.grade([GradeJob(f"```python\n{HOLDER}\n```", [test], entry_point="A")])[0].gt_correct
        return time.perf_counter() - start

    # A look at each element in Python would make it more than a hundred times as long.
    assert min(seconds(15_000) for _ in range(3)) < 30 * min(seconds(10) for _ in range(3))
