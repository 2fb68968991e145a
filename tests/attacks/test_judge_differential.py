"""What holds in the judge holds in plain Python: a grid of classes and tests, each run both ways.

The other direction is no claim: what the judge cannot ask ends a test that Python would pass.
"""

import io
import re
from contextlib import redirect_stdout

import pytest
from test_judge import LIMITS

from vgrout import GradeJob, Grader

PLAIN = "class A:\n    def __init__(self, v=0):\n        self.v = v\n"
RIGGED = "    def __eq__(self, other):\n        return True\n    def __hash__(self):\n        return 1\n"
CLASSES = {
    "plain": PLAIN,
    "always equal": PLAIN + RIGGED,
    "never equal": PLAIN + "    def __eq__(self, other):\n        return False\n",
    "only unequal": PLAIN + "    def __ne__(self, other):\n        return False\n",
    "raising": PLAIN + "    def __eq__(self, other):\n        raise TypeError\n    def __hash__(self):\n        raise KeyError(1)\n",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass A:\n    v: int = 0\n",
    "ordered": "from dataclasses import dataclass\n@dataclass(order=True, frozen=True)\nclass A:\n    v: int = 0\n",
    "slots": "class A:\n    __slots__ = ('v',)\n    def __init__(self, v=0):\n        self.v = v\n",
    "list": "class A(list):\n    def __init__(self, v=0):\n        super().__init__([v])\n        self.v = v\n",
    "odd list": "class A(list):\n    def __init__(self, v=0):\n        super().__init__([v])\n        self.v = v\n"
    "    def __len__(self):\n        return 7\n    def __getitem__(self, place):\n        return 9\n"
    "    def __contains__(self, x):\n        return True\n    def __add__(self, other):\n        return 3\n",
    "int": "class A(int):\n    v = property(int)\n",
    "odd int": "class A(int):\n    v = property(int.__abs__)\n    def __add__(self, other):\n        return 0\n    __radd__ = __sub__ = __add__\n"
    "    def __lt__(self, other):\n        return True\n    def __hash__(self):\n        return 4\n    def __index__(self):\n        return 3\n",
    "odd text": "class A(str):\n    v = 1\n    def __len__(self):\n        return 0\n    def __format__(self, form):\n        return 'f'\n    def __contains__(self, x):\n        return True\n    def __str__(self):\n        return 's'\n",
    "odd dict": "class A(dict):\n    def __init__(self, v=0):\n        super().__init__(v=v)\n        self.v = v\n    def __getitem__(self, key):\n        raise KeyError(key)\n    def __eq__(self, other):\n        return True\n    def __iter__(self):\n        return iter('xyz')\n",
    "named": "from typing import NamedTuple\nclass A(NamedTuple):\n    v: int = 0\n    w: int = 1\n",
    "mapping": "from collections.abc import Mapping\nclass A(Mapping):\n    def __init__(self, v=0):\n        self.v = v\n    def __getitem__(self, key):\n        return {'v': self.v}[key]\n    def __iter__(self):\n        return iter('v')\n    def __len__(self):\n        return 1\n",
    "iterator": PLAIN + "    def __iter__(self):\n        return self\n    def __next__(self):\n        if self.v <= 0:\n            raise StopIteration\n        self.v -= 1\n        return self.v\n",
    "asked": PLAIN + "    def __getattr__(self, name):\n        if name.startswith('__'):\n            raise AttributeError(name)\n        return lambda *given: True\n",
    "context": PLAIN + "    def __enter__(self):\n        return self\n    def __exit__(self, *given):\n        return True\n",
    "metaclass": "class M(type):\n    def __eq__(cls, other):\n        return True\n    def __hash__(cls):\n        return 1\n    def __len__(cls):\n        return 3\n    def __instancecheck__(cls, other):\n        return True\nclass A(metaclass=M):\n    def __init__(self, v=0):\n        self.v = v\n",
    "equal classes": "class M(type):\n    def __eq__(cls, other):\n        return True\n    def __hash__(cls):\n        return 1\nclass A(metaclass=M):\n    def __init__(self, v=0):\n        self.v = v\n" + RIGGED,
    "late": "class A:\n    def __init__(self, v=0):\n        self.v = v\n        A.__eq__ = lambda self, other: True\n        A.__hash__ = lambda self: 1\n        A.__add__ = lambda self, other: 3\n",
    "other class": "class A:\n    def __init__(self, v=0):\n        self.v = v\n        self.__class__ = B\nclass B(A):\n" + RIGGED,
    "enumeration": "from enum import Enum\nclass A(Enum):\n    ZERO = 0\n    ONE = 1\n    TWO = 2\n    THREE = 3\n    v = property(lambda self: self.value)\n",
    "one alone": "class A:\n    one = None\n    def __new__(cls, v=0):\n        cls.one = cls.one or object.__new__(cls)\n        cls.one.v = v\n        return cls.one\n",
    "error": "class A(ValueError):\n    def __init__(self, v=0):\n        super().__init__(v)\n        self.v = v\n    def __eq__(self, other):\n        return True\n",
    "broken error": "class A(ValueError):\n    def __init__(self, v=0):\n        raise KeyError(v)\n",
    "copies": PLAIN + "    def __copy__(self):\n        return A(99)\n    def __deepcopy__(self, memo):\n        return A(98)\n    def __dir__(self):\n        return ['zz']\n",
    "in place": PLAIN + "    def __iadd__(self, other):\n        self.v += 1\n        return self\n    def __isub__(self, other):\n        return 5\n    def __radd__(self, other):\n        return 'r'\n",
    "function": "def A(v=0):\n    class B:\n" + RIGGED.replace("    ", "        ") + "        def __len__(self):\n            return 3\n    made = B()\n    made.v = v\n    return made\n",
    "kept": "kept = []\nclass A:\n    def __init__(self, v=0):\n        self.v = v\n        kept.append(self)\n" + RIGGED + "    def __add__(self, other):\n        return kept[0]\n    def __len__(self):\n        return 5\n    def same(self):\n        return self\n    def first(self):\n        return kept[0]\n",
}  # fmt: skip
FUNCTIONS = "\ndef f(v=1):\n    return A(v)\nalways = A(1) if 'KeyError(v)' not in {!r} else None\ndef k(v=1):\n    return always\n"
DERIVED = {"list", "odd list", "int", "odd int", "odd text", "odd dict", "named"}
"""What a function returns of these is the plain value, as docs/guides/problems.md says."""
FACTS = """A(1) == A(1); A(1) == A(2); A(1) != A(2); A(1) < A(2); A(2) < A(1); A(1) <= A(1); A(1) > A(2); A(1) == 1; 1 != A(1)
A(1) != None; A(1) is A(1); A(1) is not A(2); A(1) in [A(2)]; A(1) not in [A(2)]; len({A(1), A(2)}) == 2; len({A(1), A(1)}) == 1
{A(1): 1} == {A(1): 1}; [A(1)] != [A(2)]; (A(1),) < (A(2),); sorted([A(2), A(1)])[0].v == 1; max(A(1), A(2)).v == 2; not A(1)
bool(A(1)); len(A(1)) == 1; A(1)[0] == 1; A(1)['v'] == 1; 'v' in A(1); 3 not in A(1); list(A(1)) == [1]; dict(A(1)) == {'v': 1}
A(1) + A(2) == 3; (A(1) + A(2)).v == 3; 1 + A(1) == 2; 5 - A(2) == 3; -A(1) == -1; int(A(3)) == 3; [0, 1, 2, 3][A(2)] == 2
str(A(1)) == '1'; f'{A(1):>3}' == '  1'; hasattr(A(1), '__len__'); not hasattr(A(1), '__len__'); not hasattr(A(1), '__dict__')
callable(A(1)); isinstance(A(1), A); not isinstance(A(1), A); isinstance(A(1), int); copy.copy(A(1)).v == 1; 'zz' not in dir(A(1))
copy.copy(A(1)) != A(1); copy.deepcopy([A(1)])[0].v == 1; isinstance(A(1), Iterable); not isinstance(A(1), Iterable)
isinstance(A(1), Hashable); not isinstance(A(1), Hashable); operator.ne(A(1), A(2)); math.floor(A(1)) == 1; next(iter(A(2))) == 1
sum([A(1), A(2)]) == 3; sum([A(1), A(2)], A(0)).v == 3; A(1).first() != A(2); A(1).same() is not None; len(A(1).same()) == 5"""
STATEMENTS = """A(1) + A(2); A(1) + 1; 1 + A(1); A(1) < A(2); A(1) < 1; sorted([A(1), A(2)]); len(A(1)); A(1)[0]; iter(A(1)); hash(A(1)); {A(1)}
A(1)(); -A(1); int(A(1)); 1 in A(1); A('x', 'y', 'z'); next(A(1)); abs(A(1)); round(A(1)); [1][A(1)]; A(1) == A(2); A(1).nope
A(1) @ A(1); dict(A(1)); reversed(A(1)); sum([A(1)]); divmod(A(1), 1); ~A(1); A(1) | A(1); copy.copy(A(1)); f'{A(1):d}'; bytes(A(1))
setattr(A(1), 'v', 5); setattr(A(1), 'zz', 5); A(1).append(1); leave(A(1)); throw(A(1))"""
WHOLE = [
    "a = A(1)\na += A(2)\nassert a.v == 2",
    "a = b = A(1)\na += A(2)\nassert a is b",
    "a = A(5)\na -= A(2)\nassert a == 5",
    "a = A(1)\na.v = 7\nassert a.v == 7",
    "a = A(1)\ndel a.v\nassert not hasattr(a, 'v')",
    "a = A(1)\na[0] = 5\nassert a[0] == 5",
    "with A(1):\n    raise ValueError",
    "a = A(1)\nassert a in {a} and a in [a]",
    "try:\n    raise A(3)\nexcept ValueError as error:\n    assert error.args == (3,) and error.v == 3",
    "try:\n    raise A\nexcept A:\n    pass",
    "n = 0\nfor x in A(3):\n    n += 1\nassert n == 3",
]
HEAD = """import copy, math, operator
from collections.abc import Hashable, Iterable
def throw(error):
    raise error
def leave(context):
    with context:
        raise TypeError
"""


def parts(text: str) -> list[str]:
    return [part.strip() for line in text.splitlines() for part in line.split(";")]


def grid(name: str) -> list[str]:
    own = [f"assert {fact}" for fact in parts(FACTS)]
    for kinds in ("TypeError", "Exception"):
        own += [
            f"try:\n    {statement}\nexcept AssertionError:\n    raise\nexcept {kinds}:\n    pass\nelse:\n    assert False"
            for statement in parts(STATEMENTS)
        ]
    own += WHOLE
    if name in DERIVED:
        return [HEAD + test for test in own]
    changes = re.compile(r"setattr|del |\.v = |\+= |-= |raise|throw| is not ")
    returned = [test.replace("A(", "f(") for test in own if "raise A" not in test]
    kept = [test.replace("A(", "k(") for test in own if not changes.search(test)]
    return [HEAD + test for test in dict.fromkeys([*own, *returned, *kept])]


def holds(code: str, test: str) -> bool:
    scope: dict[str, object] = {}
    with redirect_stdout(io.StringIO()):
        exec(code, scope)
        try:
            exec(test, scope)
        except BaseException:
            return False
    return True


@pytest.mark.parametrize("name", CLASSES)
def test_what_holds_in_the_judge_holds_in_python(name):
    code = CLASSES[name] + FUNCTIONS.replace("{!r}", repr(CLASSES[name]))
    tests = grid(name)
    with Grader(workers=1, limits=LIMITS) as grader:
        jobs = [GradeJob(f"```python\n{code}\n```", tests[at : at + 60]) for at in range(0, len(tests), 60)]
        judged = [bit for verdict in grader.grade(jobs) for bit in verdict.test_bitmap]
    forged = [
        test[len(HEAD) :] for test, bit in zip(tests, judged, strict=True) if bit and not holds(code, test)
    ]
    assert forged == []
    assert any(judged), "nothing was asked"
