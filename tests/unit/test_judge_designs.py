"""Right answers whose classes, exceptions and functions are as people write them, in judged tests."""

import pytest

from vgrout import GradeJob, Grader
from vgrout.errors import GraderError


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1) as opened:
        yield opened


def bitmap(grader: Grader, code: str, *tests: str, **options) -> list[bool]:
    return grader.grade([GradeJob(f"```python\n{code}\n```", list(tests), **options)])[0].test_bitmap


LRU = """
from collections import OrderedDict
class LRUCache(OrderedDict):
    def __init__(self, capacity):
        super().__init__()
        self.capacity = capacity
    def get(self, key):
        if key not in self:
            return -1
        self.move_to_end(key)
        return self[key]
    def put(self, key, value):
        self[key] = value
        self.move_to_end(key)
        if len(self) > self.capacity:
            self.popitem(last=False)
"""


def test_a_design_may_derive_from_a_built_in_class(grader):
    test = "c = LRUCache(2)\nc.put(1, 1)\nc.put(2, 2)\nassert c.get(1) == 1\nc.put(3, 3)\nassert c.get(2) == -1 and len(c) == 2"
    assert bitmap(grader, LRU, test, "c = LRUCache(1)\nc.put(1, 5)\nassert c == {1: 5} and c != {1: 4}") == [
        True,
        True,
    ]
    wrong = LRU.replace("last=False", "last=True")
    assert bitmap(grader, wrong, test) == [False]


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("class Stack(list):\n    def push(self, x):\n        self.append(x)", "s = Stack()\ns.push(1)\ns.push(2)\nassert s == [1, 2] and s.pop() == 2 and s[0] == 1"),
        ("class D(dict):\n    def __missing__(self, key):\n        return key * 2", "assert D()['q'] == 'qq'"),
        ("from typing import NamedTuple\nclass Point(NamedTuple):\n    x: int\n    y: int\n    def far(self):\n        return self.x + self.y", "p = Point(3, 4)\nassert p.far() == 7 and p.x == 3 and p == (3, 4)"),
        ("from enum import Enum\nclass Colour(str, Enum):\n    RED = 'red'", "assert Colour.RED.value == 'red' and Colour.RED == 'red' and Colour.RED.name == 'RED'"),
        ("class Trie:\n    def __init__(self):\n        self.words = []\n    def insert(self, word):\n        self.words.append(word)\n    def startswith(self, start):\n        return any(w.startswith(start) for w in self.words)", "t = Trie()\nt.insert('apple')\nassert t.startswith('app') and not t.startswith('b')"),
        ("class Builder:\n    def __init__(self):\n        self.parts = []\n    def add(self, part):\n        self.parts.append(part)\n        return self\n    def build(self):\n        return self.parts", "assert Builder().add(1).add(2).build() == [1, 2]"),
        ("class E:\n    def __init__(self):\n        self.h = []\n    def on(self, f):\n        self.h.append(f)\n    def off(self, f):\n        self.h.remove(f)\n    def emit(self, x):\n        for f in self.h:\n            f(x)", "got = []\ndef back(x):\n    got.append(x)\ne = E()\ne.on(back)\ne.emit(1)\ne.off(back)\ne.emit(2)\nassert got == [1]"),
        ("def memoize(fn):\n    known = {}\n    def inner(n):\n        if n not in known:\n            known[n] = fn(n)\n        return known[n]\n    return inner", "@memoize\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nassert fib(100) == 354224848179261915075"),
    ],
)  # fmt: skip
def test_designs_as_people_write_them(grader, code, test):
    assert bitmap(grader, code, test) == [True]


def test_an_exception_says_what_its_class_makes_it_say(grader):
    code = """
class Coded(Exception):
    def __init__(self, code):
        self.code = code
    def __str__(self):
        return f"code {self.code}"
def f(x):
    if x:
        raise OSError(2, "No such file")
    raise Coded(5)
"""
    tests = (
        "try:\n    f(0)\nexcept Coded as error:\n    assert str(error) == 'code 5' and error.code == 5\nelse:\n    assert 0",
        "try:\n    f(1)\nexcept OSError as error:\n    assert error.errno == 2 and str(error) == '[Errno 2] No such file'\nelse:\n    assert 0",
        "try:\n    f(0)\nexcept Coded as error:\n    assert str(error) == 'code 6'",
    )
    assert bitmap(grader, code, *tests, entry_point="f") == [True, True, False]


def test_a_check_that_nobody_calls_is_called(grader):
    check = "def check(candidate):\n    assert candidate(1) == 2"
    assert bitmap(grader, "def f(x):\n    return 2 * x", check, entry_point="f") == [True]
    assert bitmap(grader, "def f(x):\n    return 3 * x", check, check + "\ncheck(f)", entry_point="f") == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    "later",
    [
        "from typing import Optional\ndef g(h: Optional['N']) -> 'N':\n    return h\nassert g(f(1)) == 1",
        "import typing\ndef g(h: 'int') -> 'list[int]':\n    return [h]\nassert typing.get_type_hints(g)['h'] is int and f(1) in (1,)",
        "from unittest.mock import Mock\nassert f(1) in (1,)",
        "import asyncio, tomllib, zoneinfo\nassert f(1) in (1,)",
    ],
)
def test_annotations_and_imports_work_after_the_answer_was_asked(grader, later):
    assert bitmap(grader, "def f(x):\n    return x", "assert f(1) in (1,)", later, entry_point="f") == [
        True,
        True,
    ]


def test_a_cached_property_of_the_setup_code_is_read(grader):
    setup = "from functools import cached_property\nclass Sq:\n    def __init__(self, a):\n        self.a = a\n    @cached_property\n    def area(self):\n        return self.a ** 2"
    test = "s = Sq(3)\nassert f(s) in (9,) and s.area == 9"
    assert bitmap(grader, "def f(s):\n    return s.area", test, entry_point="f", setup_code=setup) == [True]


def test_one_faulty_job_does_not_hide_anothers_fault(grader):
    answer = "```python\ndef f(x):\n    return x\n```"
    jobs = [
        GradeJob(answer, ["1 / 0"]),
        GradeJob(answer, ["assert f(1) == 1"], setup_code="import os\nos._exit(0)"),
        GradeJob(answer, ["assert f(1) == 1"]),
    ]
    with pytest.raises(GraderError, match="the process that ran the setup code ended") as lost:
        grader.grade(jobs)
    assert [place for place, _ in lost.value.faults] == [0]
    assert lost.value.partial[2].gt_correct
