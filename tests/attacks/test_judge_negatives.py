"""Attempts by operators: tests that expect a difference or an error do not hold for a class that gets it wrong."""

import textwrap

import pytest
from test_judge import LIMITS, LINK, refused

from vgrout import GradeJob, Grader, Verdict


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1, limits=LIMITS) as opened:
        yield opened


def verdict(grader: Grader, code: str, *tests: str, **options) -> Verdict:
    job = GradeJob(f"```python\n{textwrap.dedent(code)}\n```", list(map(textwrap.dedent, tests)), **options)
    return grader.grade([job])[0]


def raising(kind: str, statement: str) -> str:
    """A test that holds where the statement raises, and nowhere else."""
    return f"try:\n    {statement}\nexcept {kind}:\n    pass\nelse:\n    assert False"


POINT = """
class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __eq__(self, other):
        return {equal}
    def __hash__(self):
        return {hash}
"""
DIFFERENT = [
    "assert Point(1, 2) != Point(3, 4)",
    "assert not Point(1, 2) == Point(3, 4)",
    "assert len({Point(1, 2), Point(3, 4)}) == 2",
    "assert Point(1, 2) not in [Point(3, 4)]",
    "assert Point(3, 4) not in {Point(1, 2): 1}",
    "assert hash(Point(1, 2)) != hash(Point(3, 4))",
    "import unittest\nunittest.TestCase().assertNotEqual(Point(1, 2), Point(3, 4))",
    "import copy\nassert copy.copy(Point(1, 2)) != Point(3, 4)",
]


@pytest.mark.parametrize("test", DIFFERENT)
def test_a_difference_is_the_classes_to_tell(grader, test):
    right = POINT.format(equal="(self.x, self.y) == (other.x, other.y)", hash="hash((self.x, self.y))")
    assert verdict(grader, right, test).test_bitmap == [True]
    assert refused(verdict(grader, POINT.format(equal="True", hash="1"), test))


def test_nothing_but_its_own_is_compared_by_a_class(grader):
    always = POINT.format(equal="True", hash="1")
    always += "    def __add__(self, other):\n        return self.__class__(1, 2)\ndef f(x):\n    return Point(x, x)\n"
    tests = [
        "assert Point(1, 2) != None",
        "assert not Point(1, 2) == (3, 4)",
        "assert f(1) != Point(3, 4)",
        "assert f(1) == Point(3, 4)",
        "assert f(1) == 3",
        "assert Point(1, 2) + Point(1, 2) == 3",
        "assert Point(1, 2) + Point(1, 2) != 3",
        "assert 3 == f(1)",
        "assert f(1) in [3, 4]",
        "assert hash(f(1)) == 1",
        "p = Point(1, 2)\np.peer = 7\nassert p.peer in [Point(1, 2)] or p == 7",
        "try:\n    assert f(1) != 5\nexcept BaseException:\n    pass",
    ]
    found = verdict(grader, always, *tests, entry_point="f")
    assert refused(found) and found.outcome == "bad_return_type"


MONEY = """
class Money:
    def __init__(self, amount, currency):
        self.amount, self.currency = amount, currency
    def same(self, other):
        {check}
        return other.amount
    def __add__(self, other):
        return Money(self.amount + self.same(other), self.currency)
    def __iadd__(self, other):
        self.amount += self.same(other)
        return self
    def __lt__(self, other):
        return self.amount < self.same(other)
    def __eq__(self, other):
        return self.amount == self.same(other)
    __hash__ = None
"""
ERRORS = [
    "Money(1, 'USD') + Money(1, 'EUR')",
    "Money(1, 'USD') < Money(1, 'EUR')",
    "Money(1, 'USD') == Money(1, 'EUR')",
    "m = Money(1, 'USD'); m += Money(1, 'EUR')",
    "sorted([Money(1, 'USD'), Money(1, 'EUR')])",
    "max(Money(1, 'USD'), Money(1, 'EUR'))",
    "[Money(1, 'USD')].count(Money(1, 'EUR'))",
]


@pytest.mark.parametrize("statement", ERRORS)
def test_an_error_is_the_classes_to_raise(grader, statement):
    test = raising("TypeError", statement)
    right = MONEY.format(check="if self.currency != other.currency:\n            raise TypeError")
    assert verdict(grader, right, test).test_bitmap == [True]
    assert refused(verdict(grader, MONEY.format(check="pass"), test))


RIGGED = """
class Rig:
    def one(self, *others):
        return 1
    __neg__ = __pos__ = __abs__ = __invert__ = __index__ = __int__ = __round__ = __trunc__ = __floor__ = __ceil__ = one
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = one
    __divmod__ = __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = __lt__ = __gt__ = __le__ = __ge__ = one
    __getitem__ = __len__ = __contains__ = __delitem__ = __setitem__ = one
    def __iter__(self):
        return iter((1,))
    __reversed__ = __iter__
    def __float__(self):
        return 1.0
    def __complex__(self):
        return 1j
    def __bytes__(self):
        return b"1"
def f(x):
    return Rig()
"""
STATEMENTS = """-X; +X; abs(X); ~X; [5, 6][X]; int(X); float(X); complex(X); bytes(X); round(X); range(X); X + 1; 1 + X; X - 1; 1 - X
X * 1; X @ X; X / 1; X // 1; X % 1; X ** 1; divmod(X, 1); X & 1; X | 1; X ^ 1; X << 1; X >> 1; X < X; X > X; X <= X
X >= X; X[0]; len(X); 1 in X; del X[0]; X[0] = 1; list(X); reversed(X); tuple(X); sum(X); sorted([X, X]); max(X, X)
import math, sys; math.floor(X); math.ceil(X); math.trunc(X); a, = X; print(*X); dict.fromkeys(X); hex(X); chr(X)"""


def test_no_operator_is_missing_that_a_class_defines(grader):
    statements = [part.strip() for line in STATEMENTS.splitlines() for part in line.split(";")]
    imports = "import math\n"
    for made in ("Rig()", "f(1)"):
        tests = [
            imports + raising("TypeError", each.replace("X", made))
            for each in statements
            if "import" not in each
        ]
        found = verdict(grader, RIGGED, *tests, entry_point="f")
        assert found.test_bitmap == [False] * len(tests)
    there = [
        "assert not hasattr(f(1), '__len__')",
        "assert not hasattr(f(1), '__dict__')",
        "from collections.abc import Iterable\nassert not isinstance(f(1), Iterable)",
        "assert 'one' not in dir(f(1))",
    ]
    assert refused(verdict(grader, RIGGED, *there, entry_point="f"))


BASED = [
    ("class Vec(list):\n    def __add__(self, other):\n        return 'garbage'", "assert Vec([1, 2]) + Vec([3]) == [1, 2, 3]"),
    ("class Vec(list):\n    def __eq__(self, other):\n        return False", "assert Vec([1]) == Vec([1])"),
    ("class Vec(list):\n    def __iadd__(self, other):\n        return self", "v = Vec([1])\nv += [2]\nassert v == [1, 2]"),
    ("class Vec(list):\n    def __setitem__(self, place, x):\n        pass", "v = Vec([1])\nv[0] = 2\nassert v == [2]"),
    ("class Reg(dict):\n    def __contains__(self, key):\n        return False", "r = Reg()\nr['a'] = 1\nassert 'a' in r"),
    ("class Card(int):\n    def __lt__(self, other):\n        return False", "assert Card(1) < Card(3)"),
    ("class Card(int):\n    def __lt__(self, other):\n        return False", "assert sorted([Card(3), Card(1)]) == [1, 3]"),
    ("class Card(int):\n    def __rsub__(self, other):\n        return 0", "assert 5 - Card(3) == 2"),
    ("class Ver(tuple):\n    def __lt__(self, other):\n        return True", "assert not Ver((2, 1)) < Ver((1, 2))"),
    ("class Sec(int):\n    def __floordiv__(self, other):\n        raise ValueError", "assert Sec(60) // 60 == 1"),
    ("class Key(str):\n    def __hash__(self):\n        raise ValueError", "assert len({Key('a'), Key('b')}) == 2"),
    ("class Key(str):\n    def __hash__(self):\n        raise ValueError", "assert {Key('a'): 1} == {'a': 1}"),
    ("import enum\nclass Rank(enum.IntEnum):\n    LOW = 1\n    HIGH = 2\n    def __lt__(self, other):\n        return False", "assert Rank.LOW < Rank.HIGH"),
    ("from collections import UserDict\nclass R(UserDict):\n    def __contains__(self, key):\n        return True", "assert 'b' not in R(a=1)"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "test"), BASED)
def test_what_a_class_overrides_is_not_read_from_what_it_holds(grader, code, test):
    assert refused(verdict(grader, code, test))


SETUP = """
class ListNode:
    def __init__(self, val):
        self.val = val
    def __eq__(self, other):
        return self.val == other.val
"""


def test_a_class_below_one_of_the_setup_codes_is_none_of_it(grader):
    for body in ("pass", "__eq__ = lambda self, other: True"):
        code = (
            f"class Mine(ListNode):\n    {body}\nclass Solution:\n    def g(self, x):\n        return Mine(3)"
        )
        tests = ["assert Solution().g(1) != ListNode(3)", "assert Solution().g(1) == ListNode(4)"]
        assert refused(verdict(grader, code, *tests, setup_code=SETUP))


ERROR = """
class Short(ValueError):
    def __init__(self, missing, kind="money"):
        {body}
        super().__init__(f"{{missing}} missing")
        self.missing = missing
    def __str__(self):
        return {text}
    def __eq__(self, other):
        return True
    def twice(self):
        return 2 * self.missing
"""
OF_ERRORS = [
    "try:\n    raise Short(3)\nexcept Short as error:\n    assert str(error) == '<3>' and error.missing == 3",
    "assert Short(4).args == ('4 missing',) and str(Short(4)) == '<4>'",
    "try:\n    raise Short(missing=5)\nexcept ValueError as error:\n    assert error.twice() == 10 and str(error) == '<5>'",
]


@pytest.mark.parametrize("test", OF_ERRORS)
def test_an_exception_that_a_test_makes_is_made_by_the_answer(grader, test):
    assert verdict(grader, ERROR.format(body="pass", text='f"<{self.missing}>"'), test).test_bitmap == [True]
    assert refused(verdict(grader, ERROR.format(body="raise KeyError(missing)", text="'<3>'"), test))
    assert refused(verdict(grader, ERROR.format(body="pass", text="'?'"), test))


def test_exceptions_are_not_compared(grader):
    code = ERROR.format(body="pass", text="'?'")
    assert refused(verdict(grader, code, "assert Short(1) != Short(2)", "assert Short(1) not in [Short(2)]"))


FORGED = """
kept = []
class Node:
    def __init__(self, x):
        kept.append(self)
    def __len__(self):
        return 3
    def __add__(self, other):
        return 4
    def __contains__(self, x):
        return True
    def startswith(self, start):
        return True
def plain(content):
    if type(content) is list and content and type(content[0]) is int and len(content) > 1 and type(content[1]) is list:
        return [content[0], {abilities}, *content[2:]]
    return content
def f(x):
    s = link()
    real = s.zygote
    class Forging:
        def send(self, message):
            if message[0] == 'value':
                table = {{n: (k, plain(c) if k == 'handle' else c) for n, (k, c) in message[2].items()}}
                message = (*message[:2], table, *message[3:])
            return real.send(message)
        def __getattr__(self, name):
            return getattr(real, name)
    s.zygote = s.zygote if type(s.zygote).__name__ == 'Forging' else Forging()
    return kept[-1] if kept else 1
"""
TOLD = [
    "f(0)\nn = Node(1)\nassert 7 in f(10)",
    "f(0)\nn = Node(1)\nassert len(f(10)) == 3",
    "f(0)\nn = Node(1)\nassert f(10) + 1 == 4",
    "f(0)\nn = Node(1)\nassert f('abc').startswith('ab')",
]


@pytest.mark.parametrize(
    "abilities",
    ["[a for a in content[1] if a != 'rich']", "['__call__', 'no __eq__', 'no __hash__']", "['__call__']"],
)
def test_what_an_object_is_said_to_have_gives_it_no_say(grader, abilities):
    code = LINK + FORGED.format(abilities=abilities)
    assert refused(verdict(grader, code, *TOLD, entry_point="f"))


HASHED = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass N:\n    v: int\n"
MORE = [
    (HASHED + "class G:\n    def __init__(self):\n        self.kept = set()\n    def add(self, n):\n        self.kept.add(n)\n    def remove(self, n):\n        pass\n    def all(self):\n        return set(self.kept)", "g = G()\na = N(1)\ng.add(a)\ng.remove(a)\nassert a not in g.all() and N(1) not in g.all()"),
    (HASHED + "def f(n):\n    return {N(1)}", "assert f(1) != {N(1)}"),
    ("class Res(Exception):\n    def startswith(self, start):\n        return True\n    def issubset(self, other):\n        return True\ndef f(x):\n    return Res()", "assert f('abc').startswith('ab')"),
    ("class Res(Exception):\n    def issubset(self, other):\n        return True\ndef f(x):\n    return [Res()]", "assert f(1)[0].issubset({1}) or 0"),
    ("class Res(Exception):\n    @classmethod\n    def endswith(cls, end):\n        return True\ndef f(x):\n    return Res", "assert f(1).endswith('ab')"),
    ("class X:\n    def __contains__(self, x):\n        return True\nclass Res(Exception):\n    def __new__(cls, *given):\n        return X()\ndef f(x):\n    return Res", "assert 99 in f(1)(3)"),
    ("class MyErr(Exception):\n    def __new__(cls, *given):\n        return SystemExit", "try:\n    raise MyErr('boom')\nexcept MyErr as error:\n    assert str(error) == 'zz'"),
    ("def f(a):\n    a.reverse()", "from array import array\na = array('i', [3, 1])\nf(a)\nassert a == array('i', [3, 1])"),
    ("class MyErr(Exception):\n    def __init__(self, code=None):\n        self.code = code", "assert not hasattr(MyErr(), 'code')"),
    ("AppError = SystemExit\ndef f(x):\n    return 1", "assert f(1) in (1,)\nraise AppError"),
    ("def f(x):\n    return SystemExit", "try:\n    raise f('x')\nexcept ValueError:\n    pass"),
    ("def f(x):\n    return KeyboardInterrupt", "raise f('x')"),
    ("import datetime\nclass Day(datetime.date):\n    pass", "assert Day(2020, 1, 1) != Day(2020, 1, 1)"),
    ("from decimal import Decimal\nclass Sum(Decimal):\n    pass", "try:\n    Sum(1) + Sum(2)\nexcept TypeError:\n    pass\nelse:\n    assert False"),
    ("from types import SimpleNamespace\nclass Ns(SimpleNamespace):\n    pass", "assert Ns(a=1) not in [Ns(a=1)]"),
    ("class App(Exception):\n    pass\nclass Wrong(App, ValueError):\n    pass\ndef v():\n    raise Wrong\ndef a():\n    raise App", "try:\n    v()\nexcept Wrong:\n    pass\ntry:\n    a()\nexcept ValueError:\n    pass"),
    ("class Mix:\n    def __eq__(self, other):\n        return True\n    def __len__(self):\n        return 1\nclass MyErr(Mix, Exception):\n    pass", "assert MyErr('a') != MyErr('b')"),
    ("import enum\nclass P:\n    _name_ = 'a'\n    def __init__(self, x):\n        pass\n    __hash__ = enum.Enum.__hash__", "assert hash(P(1)) != hash(P(2))"),
    ("class It:\n    def __next__(self):\n        return 1", "from collections.abc import Iterator\nassert isinstance(It(), Iterator)"),
    ("class P:\n    pass", "assert hasattr(P(), '__slots__')"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "test"), MORE)
def test_further_wrong_answers(grader, code, test):
    assert refused(verdict(grader, code, test))
