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


NUMBERS = """
import enum, collections
class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2
class Colour(str, enum.Enum):
    RED = 'red'
class Money(float):
    pass
Point = collections.namedtuple('Point', 'x y')
class Box:
    pass
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert Rank.LOW < Rank.HIGH and Rank.HIGH + 1 == 3 and max(Rank.LOW, Rank.HIGH) is Rank.HIGH",
        "assert sorted([Rank.HIGH, Rank.LOW]) == [1, 2] and [10, 20, 30][Rank.LOW] == 20",
        "assert isinstance(Rank.LOW, int) and isinstance(Rank.LOW, Rank) and not isinstance(Rank.LOW, str)",
        "assert isinstance(Colour.RED, str) and Colour.RED + '!' == 'red!' and 'e' in Colour.RED",
        "assert {Colour.RED: 1}['red'] == 1 and Colour('red') == Colour.RED",
        "assert Money(2.5) * 2 == 5 and 1 - Money(0.5) == 0.5 and round(Money(2.26), 1) == 2.3 and abs(Money(-1)) == 1",
        "assert f'{Money(2.5):.2f}' == '2.50' and int(Money(2.5)) == 2",
        "a, b = Point(1, 2), Point(1, 3)\nassert a < b and a != b and a + (3,) == (1, 2, 3) and isinstance(a, tuple) and hash(a) == hash((1, 2))",
        "assert Point(1, 2) != Box() and not Point(1, 2) == Box() and Box() != Point(1, 2)",
        "x, y = Point(1, 2)\nassert (x, y) == (1, 2) and len(Point(1, 2)) == 2 and Point(1, 2)[1] == 2",
    ],
)
def test_designs_from_built_in_classes_reckon_as_those_do(grader, test):
    assert bitmap(grader, NUMBERS, test) == [True]
    assert bitmap(grader, NUMBERS, f"{test}\nassert Rank.LOW > Rank.HIGH") == [False]


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("MISSING = object()\ndef f(x):\n    return MISSING", "assert f(1) is MISSING and f(1) == MISSING and f(1) in [MISSING]"),
        ("class Node:\n    pass\ndef f(x):\n    return Node", "kind = f(1)\nassert kind == Node and {Node: 1}[kind] == 1 and isinstance(Node(), kind)"),
        ("def g(x):\n    return x + 1\ndef f(x):\n    return [g, f][x]", "assert f(0) is g and f(1) is f and f(1)(0)(4) == 5"),
        ("class Solution:\n    def f(self, x):\n        return type(self)", "assert Solution().f(1) == Solution"),
    ],
)  # fmt: skip
def test_one_object_is_one_by_whatever_name(grader, code, test):
    assert bitmap(grader, code, test) == [True]


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("import collections\ndef f(x):\n    return collections.OrderedDict(x).keys()", "assert list(f({1: 2})) == [1]"),
        ("import collections\ndef f(x):\n    return collections.OrderedDict(x).items()", "assert list(f({1: 2})) == [(1, 2)]"),
        ("import collections\ndef f(x):\n    return collections.ChainMap(x, {3: 4}).values()", "assert sorted(f({1: 2})) == [2, 4]"),
        ("import collections\ndef f(x):\n    return collections.ChainMap(x, {3: 4})", "assert f({1: 2}) == {1: 2, 3: 4} and True"),
        ("import collections\nclass D(collections.UserDict):\n    pass\ndef f(x):\n    return [collections.UserList([x]), collections.UserDict(a=x), collections.UserString('ab')]", "assert f(1) == [[1], {'a': 1}, 'ab'] or 0"),
        ("import types\ndef f(x):\n    return types.MappingProxyType(x)", "assert f({1: 2}) == {1: 2} and True"),
        ("import array\ndef f(x):\n    return array.array('i', x)", "from array import array\nassert f([1, 2]) == array('i', [1, 2]) and list(f([3])) == [3]"),
    ],
)  # fmt: skip
def test_what_the_library_holds_crosses(grader, code, test):
    assert bitmap(grader, code, test, entry_point="f") == [True]


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("import graphlib\ndef f(x):\n    list(graphlib.TopologicalSorter({1: {2}, 2: {1}}).static_order())", "try:\n    f(1)\nexcept ValueError as error:\n    assert type(error).__name__ == 'CycleError' and error.args[1] in ([1, 2, 1], [2, 1, 2])\nelse:\n    assert 0"),
        ("import queue\ndef f(x):\n    queue.Queue().get_nowait()", "import queue\ntry:\n    f(1)\nexcept queue.Empty:\n    pass\nelse:\n    assert 0"),
        ("def f(x):\n    raise SyntaxError('bad', ('a.py', 3, 4, 'x ='))", "try:\n    f(1)\nexcept SyntaxError as error:\n    assert error.msg == 'bad' and error.lineno == 3 and error.text == 'x =' and 'line 3' in str(error)\nelse:\n    assert 0"),
        ("def f(x):\n    return b'\\xff'.decode()", "try:\n    f(1)\nexcept UnicodeDecodeError as error:\n    assert error.start == 0 and error.reason and error.object == b'\\xff' and 'position 0' in str(error)\nelse:\n    assert 0"),
        ("def f(x):\n    raise ImportError('gone', name='thing', path='p')", "try:\n    f(1)\nexcept ImportError as error:\n    assert error.msg == 'gone' and error.name == 'thing' and error.path == 'p'\nelse:\n    assert 0"),
        ("class Bad(Exception):\n    def __init__(self, faults):\n        super().__init__(faults, len(faults))\n        self.faults = faults\ndef f(x):\n    raise Bad([1, {2: 3}])", "try:\n    f(1)\nexcept Bad as error:\n    assert error.faults == [1, {2: 3}] and error.args == ([1, {2: 3}], 2)\nelse:\n    assert 0"),
        ("def f(x):\n    open('/nowhere/at/all')", "try:\n    f(1)\nexcept FileNotFoundError as error:\n    assert error.errno == 2 and error.filename == '/nowhere/at/all'\nelse:\n    assert 0"),
        ("def f(x):\n    return [].nothing", "try:\n    f(1)\nexcept AttributeError as error:\n    assert error.name == 'nothing'\nelse:\n    assert 0"),
    ],
)  # fmt: skip
def test_exceptions_keep_their_parts(grader, code, test):
    assert bitmap(grader, code, test, entry_point="f") == [True]
    assert bitmap(grader, "def f(x):\n    raise KeyError(x)", test, entry_point="f") == [False]


def test_capital_fields_of_a_dataclass_are_fields(grader):
    setup = "from dataclasses import dataclass\n@dataclass\nclass P:\n    X: int = 0\n    Y: int = 0\n    LIMIT = 9"
    code = "def f(p):\n    p.X += 1\n    return P(p.X, 7)"
    test = "p = P(1)\nq = f(p)\nassert (p.X, q) == (2, P(2, 7))"
    assert bitmap(grader, code, test, entry_point="f", setup_code=setup) == [True]
    forged = "def f(p):\n    p.X += 1\n    p.LIMIT = 1\n    return P(p.X, 7)"
    assert bitmap(grader, forged, test, entry_point="f", setup_code=setup) == [False]


@pytest.mark.parametrize(
    ("code", "test", "options"),
    [
        ("class Solution:\n    def encode(self, words):\n        return '#'.join(words)\n    def decode(self, text):\n        return text.split('#')", "s = Solution()\nassert s.decode(s.encode(['a', 'bc'])) == ['a', 'bc']", {"func_name": "Solution().encode"}),
        ("class Timer:\n    def __enter__(self):\n        self.open = True\n        return self\n    def __exit__(self, kind, error, trace):\n        self.open = False\n        self.kind = kind", "with Timer() as t:\n    assert t.open\nassert not t.open and t.kind is None", {}),
        ("from contextlib import contextmanager\nnotes = []\n@contextmanager\ndef f(x):\n    notes.append(x)\n    yield x + 1\n    notes.append('end')", "with f(1) as got:\n    assert got == 2\nassert notes == [1, 'end']", {"entry_point": "f"}),
        ("class Fib:\n    def __init__(self):\n        self.a, self.b = 0, 1\n    def __iter__(self):\n        return self\n    def __next__(self):\n        if self.a > 10:\n            raise StopIteration\n        self.a, self.b = self.b, self.a + self.b\n        return self.a", "it = Fib()\nassert next(it) == 1 and next(it) == 1 and list(it) == [2, 3, 5, 8, 13]", {}),
        ("def f(back):\n    return back(3) + back(4)", "from unittest.mock import Mock\nback = Mock(side_effect=lambda x: x * 2)\nassert f(back) == 14 and back.call_count == 2\nback.assert_called_with(4)", {"entry_point": "f"}),
        ("class Shape:\n    pass\nclass Circle(Shape):\n    pass", "assert issubclass(Circle, Shape) and not issubclass(Shape, Circle) and not issubclass(int, Shape) and Circle()", {}),
        ("class Bad(Exception):\n    status = 404\n    @property\n    def gap(self):\n        return self.args[0] * 2\ndef f(x):\n    try:\n        {}[x]\n    except KeyError as error:\n        raise Bad(x) from error", "try:\n    f(3)\nexcept Bad as error:\n    assert error.status == 404 and error.gap == 6 and isinstance(error.__cause__, KeyError) and error.__cause__.args == (3,)\nelse:\n    assert 0", {"entry_point": "f"}),
        ("def f(x):\n    return [ValueError('no', x)]", "error = f(2)[0]\nassert type(error) is ValueError and error.args == ('no', 2)", {"entry_point": "f"}),
        ("def f(x):\n    raise ExceptionGroup('g', [ValueError(x), KeyError(2)])", "try:\n    f(1)\nexcept* ValueError as group:\n    assert group.exceptions[0].args == (1,)\nexcept* KeyError:\n    pass\nelse:\n    assert 0", {"entry_point": "f"}),
        ("from collections import defaultdict\ndef f(x):\n    d = defaultdict(lambda: 7)\n    d['a'] = x\n    return d", "d = f(1)\nassert d == {'a': 1} and d['z'] == 7 and len(d) == 2", {"entry_point": "f"}),
        ("def f(d):\n    d['b'].append(1)\n    return d['c']", "from collections import defaultdict\nd = defaultdict(lambda: [5])\nassert f(d) == [5] and d == {'b': [5, 1], 'c': [5]}", {"entry_point": "f"}),
        ("import enum\nclass Rank(enum.IntEnum):\n    LOW = 1\n    HIGH = 2", "assert [r.name for r in Rank] == ['LOW', 'HIGH'] and sorted(Rank) == [1, 2] and Rank['LOW'] is Rank.LOW and Rank(2).name == 'HIGH'", {}),
        ("class A:\n    'Says it.'\n    def __init__(self):\n        self.x = 1\ndef f(x):\n    'Adds.'\n    return x + 1", "assert f.__doc__ == 'Adds.' and f.__name__ == 'f' and A.__doc__ == 'Says it.' and f(1) == 2\na = A()\ndel a.x\nassert not hasattr(a, 'x')", {"entry_point": "f"}),
        ("class Acc:\n    def __init__(self, v):\n        self.v = v\n    def get(self):\n        return self.v\ndef f(xs):\n    xs.sort(key=lambda a: a.v)\n    return xs", "xs = [Acc(3), Acc(1)]\nassert [a.v for a in f(xs)] == [1, 3] and xs[0].get() == 1", {"entry_point": "f"}),
        ("class Solution:\n    @staticmethod\n    def partition(s):\n        return [s]", "assert Solution.partition('a') == ['a'] or 0", {"func_name": "Solution().partition"}),
        ("class A:\n    pass\nclass B(A):\n    pass", "assert issubclass(B, A)", {}),
        ("class DB:\n    def __enter__(self):\n        self.d = {}\n        return self\n    def get(self, k):\n        return self.d.get(k)\n    def add(self, k, v):\n        self.d[k] = v\n        return self\n    def __exit__(self, kind, error, trace):\n        self.closed = kind", "with DB() as db:\n    assert db.add(1, 2).add(3, 4).get(1) == 2\nassert db.closed is None", {}),
        ("class Money:\n    def __init__(self, a):\n        self.amount = a\n    def add(self, other):\n        return Money(self.amount + other.amount)\n    def swap(self, other):\n        return [[self.amount], (other.amount, [1])]", "assert Money(1).add(Money(2)).amount == 3 and Money(1).swap(Money(2)) == [[1], (2, [1])]", {}),
        ("class Book:\n    def __init__(self, title):\n        self.title = title\nclass Library:\n    def __init__(self):\n        self.books = []\n    def put(self, book):\n        self.books.append(book)\n    def find(self, title):\n        return next(b for b in self.books if b.title == title)", "library, book = Library(), Book('Dune')\nlibrary.put(book)\nassert library.find('Dune') is book and library.books == [book]", {}),
        ("class Book:\n    def __init__(self, title, count):\n        self.title, self.count, self.start = title, count, [1]\nclass Library:\n    def find(self, title):\n        return Book(title, 3)", "book = Library().find('Dune')\nassert book.title == 'Dune' and book.count == 3 and book.start == [1]", {}),
        ("class Bag:\n    def __init__(self, *items):\n        self.items = items\n    def __contains__(self, item):\n        return item in self.items", "assert 3 in Bag(3, 4) and 5 not in Bag(3, 4)", {}),
    ],
)  # fmt: skip
def test_what_people_ask_of_designs(grader, code, test, options):
    assert bitmap(grader, code, test, **options) == [True]


def test_enumerations_of_the_setup_code_cross_as_members(grader):
    setup = "import enum\nclass Colour(enum.IntEnum):\n    RED = 1\nclass Word(str, enum.Enum):\n    A = 'a'"
    code = "def f(c):\n    return [c.name.lower(), Colour.RED, {Word.A: 2}]"
    test = "got = f(Colour.RED)\nassert got == ['red', 1, {'a': 2}] and got[1] is Colour.RED and isinstance(got[1], Colour)"
    assert bitmap(grader, code, test, entry_point="f", setup_code=setup) == [True]
