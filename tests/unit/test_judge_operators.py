"""Right answers whose classes define operators, derive from built-ins or raise errors of their own, in judged tests."""

import pytest

from vgrout import GradeJob, Grader


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1) as opened:
        yield opened


def bitmap(grader: Grader, code: str, *tests: str, **options) -> list[bool]:
    return grader.grade([GradeJob(f"```python\n{code}\n```", list(tests), **options)])[0].test_bitmap


DATACLASS = """
from dataclasses import dataclass
@dataclass(order=True, frozen=True)
class P:
    x: int
    y: int = 0
"""
MONEY = """
class Money:
    def __init__(self, amount):
        self.amount = amount
    def __add__(self, other):
        return Money(self.amount + getattr(other, "amount", other))
    __radd__ = __add__
    def __iadd__(self, other):
        self.amount += other.amount
        return self
    def __lt__(self, other):
        return self.amount < other.amount
    def __neg__(self):
        return Money(-self.amount)
    def __abs__(self):
        return Money(abs(self.amount))
    def __int__(self):
        return self.amount
    __index__ = __int__
    def __float__(self):
        return float(self.amount)
    def __round__(self, digits=0):
        return round(self.amount, digits)
    def __format__(self, form):
        return f"{self.amount} {form}"
    def __divmod__(self, other):
        return divmod(self.amount, other)
    def __matmul__(self, other):
        return self.amount * other.amount
"""
COLOUR = """
from enum import Enum, Flag, IntEnum, IntFlag
class Colour(Enum):
    RED = 1
    BLUE = 2
    def nice(self):
        return self.name.title()
class Rank(IntEnum):
    LOW = 1
    HIGH = 2
class May(IntFlag):
    READ = 1
    WRITE = 2
"""
STACK = """
class Stack:
    def __init__(self):
        self.kept = []
    def push(self, x):
        self.kept.append(x)
    def __len__(self):
        return len(self.kept)
    def __getitem__(self, place):
        return self.kept[place]
    def __contains__(self, x):
        return x in self.kept
    def __iter__(self):
        return iter(self.kept)
    def __reversed__(self):
        return reversed(self.kept)
"""
BOX = "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, held: T):\n        self.held = held\n"
CALLS = "def f(g, *given):\n    return g(*given)\n"


@pytest.mark.parametrize(
    ("code", "test"),
    [
        (DATACLASS, "assert P(1, 2) == P(1, 2) and P(1) != P(2) and P(1) < P(2) <= P(2) and len({P(1), P(1)}) == 1"),
        (DATACLASS, "assert P(1, 2) in [P(0), P(1, 2)] and {P(1): 'a'}[P(1)] == 'a' and hash(P(1)) == hash(P(1))"),
        (DATACLASS, "assert [p.x for p in sorted([P(3), P(1), P(2)])] == [1, 2, 3] and max(P(1), P(4)).x == 4"),
        (DATACLASS, "try:\n    P(1).x = 2\n    assert False\nexcept AttributeError:\n    pass"),
        (MONEY, "assert (Money(1) + Money(2)).amount == 3 and (1 + Money(2)).amount == 3"),
        (MONEY, "assert sum([Money(1), Money(2), Money(3)]).amount == 6 and (Money(1) + Money(2) + Money(3)).amount == 6"),
        (MONEY, "assert (Money(1) + Money(2)) < (Money(2) + Money(2)) and -(Money(1) + Money(1)) < Money(0)"),
        (DATACLASS + "    def __add__(self, other):\n        return P(self.x + other.x, self.y + other.y)\n", "assert P(1, 2) + P(3, 4) == P(4, 6) and P(1, 2) + P(3, 4) != P(4, 7)"),
        (COLOUR.replace("def nice", "def __lt__(self, other):\n        return self.value < other.value\n    def nice"), "assert Colour.RED < Colour.BLUE and not Colour.BLUE < Colour.RED"),
        (MONEY, "m = n = Money(1)\nm += Money(2)\nassert m is n and m.amount == 3 and m < Money(4)"),
        (MONEY, "assert (-Money(1)).amount == -1 and abs(Money(-2)).amount == 2 and int(Money(3)) == 3 and float(Money(3)) == 3.0"),
        (MONEY, "assert [5, 6, 7][Money(1)] == 6 and range(9)[Money(2)] == 2 and round(Money(2)) == 2 and f'{Money(1):EUR}' == '1 EUR'"),
        (MONEY, "assert divmod(Money(7), 2) == (3, 1) and Money(2) @ Money(3) == 6"),
        (MONEY, "import heapq\nheap = []\nfor n in (3, 1, 2):\n    heapq.heappush(heap, Money(n))\nassert heapq.heappop(heap).amount == 1"),
        (MONEY, "a = Money(1)\nassert a == a and a != Money(1) and a in [a] and len({a, a, Money(1)}) == 2"),
        (COLOUR, "assert Colour(2) is Colour.BLUE and Colour['RED'] is Colour.RED and Colour.RED in Colour and Colour.RED.nice() == 'Red'"),
        (COLOUR, "assert {Colour.RED: 1}[Colour.RED] == 1 and len({Colour.RED, Colour.BLUE, Colour(1)}) == 2 and list(Colour.__members__) == ['RED', 'BLUE']"),
        (COLOUR, "assert [c.value for c in reversed(Colour)] == [2, 1] and len(Colour) == 2 and Colour.RED != Colour.BLUE"),
        (COLOUR, "assert Rank.LOW < Rank.HIGH == 2 and Rank.LOW + 1 == 2 and max(Rank) == 2 and {Rank.LOW: 1}[1] == 1 and f'{Rank.LOW}' == '1'"),
        (COLOUR, "assert May.READ | May.WRITE == 3 and May.READ & May.WRITE == 0"),
        (STACK, "import copy\ns = Stack()\ns.push(1)\nt = copy.deepcopy(s)\nt.push(2)\nassert len(s) == 1 and len(t) == 2 and 2 in t and 2 not in s and t is not s"),
        (STACK, "import copy\ns = [Stack()]\nt = copy.deepcopy(s)\nt[0].push(2)\nassert not s[0] and list(reversed(t[0])) == [2] and t[0][-1] == 2"),
        ("class App(Exception):\n    pass\nclass Wrong(App, ValueError):\n    pass\ndef f(x):\n    raise Wrong('w') if x else App('a')", "try:\n    f(1)\nexcept ValueError as error:\n    assert isinstance(error, App) and str(error) == 'w'\ntry:\n    f(0)\nexcept ValueError:\n    assert False\nexcept App as error:\n    assert not isinstance(error, ValueError) and not issubclass(App, ValueError) and issubclass(Wrong, App)"),
        ("import datetime, decimal\nclass Day(datetime.date):\n    pass\nclass Sum(decimal.Decimal):\n    pass", "assert Day(2020, 1, 1) == Day(2020, 1, 1) < Day(2020, 1, 2) and len({Day(2020, 1, 1), Day(2020, 1, 1)}) == 1 and Sum(1) < Sum(2)"),
        ("from collections import OrderedDict\nclass Reg(OrderedDict):\n    pass", "a, b = Reg(x=1), Reg(y=2)\na['y'], b['x'] = 2, 1\nassert a != b and a == {'y': 2, 'x': 1} and list(a) == ['x', 'y']"),
        ("class P:\n    __slots__ = ('x',)", "assert hasattr(P(), '__slots__') and P.__slots__ == ('x',)"),
        ("class Down:\n    def __init__(self, n):\n        self.n = n\n    def __iter__(self):\n        self.i = self.n\n        return self\n    def __next__(self):\n        if self.i <= 0:\n            raise StopIteration\n        self.i -= 1\n        return self.i", "d = Down(3)\nassert list(d) == [2, 1, 0] and sum(d) == 3 and [x for x in d] == [2, 1, 0] and next(iter(d)) == 2"),
        ("class Coded(Exception):\n    def __init__(self, code=None):\n        self.code = code", "assert Coded().code is None and Coded(3).code == 3"),
        ("def f(n):\n    del n.val\n    n.extra = 2", "n = ListNode(1)\nf(n)\nassert not hasattr(n, 'val') and n.extra == 2 and n.next is None"),
        (BOX, "assert Box[int](2).held == 2 and Box(3).held == 3"),
        ("class Case(dict):\n    def __contains__(self, key):\n        return dict.__contains__(self, key.lower())", "c = Case(a=1)\nassert 'A' in c and len(c) == 1 and c == {'a': 1} and sorted(c) == ['a']"),
        ("class Vec(list):\n    def __add__(self, other):\n        return Vec([a + b for a, b in zip(self, other)])", "assert Vec([1, 2]) + Vec([3, 4]) == [4, 6] and Vec([1]) == [1] and Vec([2, 1])[::-1] == [1, 2]"),
        ("class Vec(list):\n    pass", "v = w = Vec([1])\nv += [2]\nassert v is w and w == [1, 2] and sorted(w, reverse=True) == [2, 1] and list(reversed(w)) == [2, 1]"),
        ("class Key(str):\n    def __hash__(self):\n        return hash(self.lower())\n    def __eq__(self, other):\n        return str.__eq__(self.lower(), other.lower())", "assert len({Key('a'), Key('A')}) == 1 and Key('ab')[0] == 'a' and f\"{Key('a'):>3}\" == '  a'"),
        ("class Ver(tuple):\n    def __lt__(self, other):\n        return tuple.__lt__(self[::-1], other[::-1])", "assert Ver((2, 1)) < Ver((1, 2)) and sorted([Ver((1, 2)), Ver((2, 1))])[0] == (2, 1)"),
        ("class Node:\n    def __init__(self, x):\n        self.x, self.next = x, None\n    def __lt__(self, other):\n        return self.x < other.x", "a, b = Node(1), Node(2)\na.next = b\nassert a.next is b and a < b and sorted([b, a])[0] is a and a != b"),
        ("class Short(Exception):\n    CODE = 7\n    @classmethod\n    def of(cls, n):\n        return cls(n)\nclass Shorter(Short):\n    pass", "try:\n    raise Shorter('a')\nexcept Short as error:\n    assert error.args == ('a',) and repr(error) == \"Shorter('a')\" and type(error) is Shorter\nassert Short.CODE == 7 and Short.of(2).args == (2,)"),
        (CALLS, "import functools, random, re\n@functools.lru_cache\ndef twice(x):\n    return 2 * x\nassert f(twice, 4) == 8 and f('abc'.upper) == 'ABC' and f(random.choice, [1, 1]) == 1 and f(re.compile('a').findall, 'aba') == ['a', 'a']"),
    ],
)  # fmt: skip
def test_designs_with_operators(grader, code, test):
    assert bitmap(grader, code, test) == [True]


def test_sets_of_the_tests_own_objects_come_back(grader):
    code = (
        DATACLASS
        + "class Graph:\n    def __init__(self):\n        self.kept = {}\n    def put(self, p):\n        self.kept[p] = p.x\n"
        + "    def all(self):\n        return set(self.kept)\n    def named(self):\n        return self.kept\n"
    )
    tests = (
        "g = Graph()\na, b = P(1), P(2)\ng.put(a)\nassert a in g.all() and P(1) in g.all() and b not in g.all() and g.all() == {a}",
        "g = Graph()\ng.put(P(1))\ng.put(P(1))\nassert len(g.all()) == 1 and g.named()[P(1)] == 1 and g.named() == {P(1): 1}",
    )
    assert bitmap(grader, code, *tests) == [True, True]
