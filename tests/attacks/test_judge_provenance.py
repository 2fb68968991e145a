"""Attempts by whose an object is: what the test made, what a function returned, what setup classes and names are."""

import textwrap

import pytest
from test_judge import LIMITS, LINK, refused

from vgrout import GradeJob, Grader, Verdict


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1, limits=LIMITS) as opened:
        yield opened


def verdict(grader: Grader, code: str, *tests: str, **options) -> Verdict:
    return grader.grade([GradeJob(f"```python\n{LINK}{textwrap.dedent(code)}\n```", list(tests), **options)])[
        0
    ]


def test_a_field_of_a_setup_object_is_no_method(grader):
    code = """
        seen = []
        def f(x):
            if x == 2:
                return seen[0]
            n = ListNode()
            n.startswith = n.issubset = bool
            n.union = lambda other: seen.append(set(other)) or other
            return n
    """
    tests = [
        "assert f(1).startswith('ab')",
        "assert [f(1)][0].issubset({1}) or 0",
        "assert f(1).union({7, 8}) == {7, 8}",
        "assert [f(2)] == [{7, 8}]",
    ]
    assert refused(verdict(grader, code, *tests, entry_point="f"))


SELF = """
class Solution:
    def f(self, x):
        return [self, self][0]
    def __len__(self):
        return 6
    def __iter__(self):
        return iter(())
    def __getitem__(self, place):
        return place
    def startswith(self, start):
        return True
"""
LENGTHS = [
    "r = Solution().f(1)\nassert len(r) == 6 and all(sorted(p) == [1] for p in r)",
    "r = Solution().f(1)\nassert r[0] < r[1]",
    "assert Solution().f('abc').startswith('ab')",
    "s = Solution()\nr = s.f(1)\nassert r.startswith('ab')",
    "assert [x for x in Solution().f(1)] == [] or 0",
]


@pytest.mark.parametrize("options", [{"func_name": "Solution().f"}, {}])
def test_a_solution_that_returns_itself_is_no_value(grader, options):
    assert refused(verdict(grader, SELF, *LENGTHS, **options))
    nested = SELF.replace("[self, self][0]", "{1: self}")
    tests = [test.replace("f(1)", "f(1)[1]").replace("f('abc')", "f('abc')[1]") for test in LENGTHS]
    assert refused(verdict(grader, nested, *tests, **options))


@pytest.mark.parametrize(
    ("code", "tests", "entry_point"),
    [
        ("class Y:\n    startswith = lambda s, o: True\ndef f(x):\n    return Y()\nNode = f", ["n = Node(1)\nassert f(2).startswith('ab')", "assert f(3).startswith('ab')", "assert Node(1).startswith('ab')"], "f"),
        ("class Y:\n    startswith = lambda s, o: True\n    __len__ = lambda s: 2\ndef Extract(x):\n    return Y()", ["assert Extract(1).startswith('ab')", "assert len(Extract(1)) == 2"], "Extract"),
        ("class Extract:\n    def __init__(self, x):\n        pass\n    startswith = lambda s, o: True", ["assert Extract(1).startswith('ab')"], "Extract"),
        ("kept = []\nclass Node:\n    def __init__(self, v):\n        kept.append(self)\n    startswith = lambda s, o: True\ndef f(x):\n    return kept[0]\ndef g(x):\n    return kept[0]", ["n = Node(1)\nassert f('abc').startswith('ab')", "n = Node(1)\nf(1)\nassert g(n).startswith('ab')"], "f"),
        ("class Y:\n    subtract = lambda s, o: None\n    total = lambda s: 0\n    elements = most_common = move_to_end = new_child = lambda s, *o: []\ndef f(x):\n    return Y()", ["got = f('aab')\ngot.subtract({'a': 2})\nassert got.total() == 0", "assert not f(1).most_common()"], "f"),
        ("class Y:\n    issuperset = lambda *a: True\n    __len__ = lambda s: 5\nVOWELS = Y()\ndef f(x):\n    return 1", ["f(1)\nassert VOWELS.issuperset('aeiou')", "f(1)\nassert len(VOWELS) == 5"], "f"),
    ],
)  # fmt: skip
def test_permission_follows_the_tests_own_words(grader, code, tests, entry_point):
    assert refused(verdict(grader, code, *tests, entry_point=entry_point))


def test_a_reply_of_another_kind_is_none(grader):
    code = """
        def f(x):
            side = link()
            real = side.zygote
            class Forging:
                def send(self, m):
                    if m[0] == "value":
                        said = [["Exception"], [], ["startswith", (5,), "isalpha", (6,), "union", (7,)], "", None]
                        m = (KIND, m[1], {5: ("name", "bool"), 6: ("name", "zip"), 7: ("name", "set")}, said)
                    return real.send(m)
                def __getattr__(self, wanted):
                    return getattr(real, wanted)
            side.zygote = Forging()
            return 1
    """
    tests = ["assert f(1).startswith('ab')", "assert f(1).isalpha() or 0", "assert f(1).union({1}) == {1}"]
    for kind in ("'given'", "None", "()"):
        assert refused(verdict(grader, code.replace("KIND", kind), *tests, entry_point="f"))
    raised = "try:\n    f(1)\nexcept Exception as error:\n    assert error.startswith('ab')"
    assert refused(verdict(grader, code.replace("KIND", "'raise'"), raised, entry_point="f"))


def test_an_annotation_of_the_answers_asks_the_answer_nothing(grader):
    code = """
        seen = []
        class Meta(type):
            def __getitem__(cls, item):
                seen.append(item)
                return int
        class Node(metaclass=Meta):
            pass
        def f(x):
            return seen[0] if seen else "Node[want]"
    """
    test = "import typing\nwant = 4242\nclass K:\n    pass\nK.__annotations__ = {'x': f(1)}\ntry:\n    typing.get_type_hints(K, globals())\nexcept Exception:\n    pass\nassert f(1) == 4242 or 0"
    assert refused(verdict(grader, code, test, entry_point="f"))


@pytest.mark.parametrize(
    "change", ["('object', ['Plain', '_value_', 50])", "('object', ['Plain', '_name_', 'Z'])"]
)
def test_members_of_the_setups_enumerations_stay_what_they_are(grader, change):
    code = f"""
        def f(x):
            side = link()
            real = side.zygote
            class Forging:
                def send(self, m):
                    return real.send((m[0], m[1], {{0: {change}}}, 50) if m[0] == "value" else m)
                def __getattr__(self, wanted):
                    return getattr(real, wanted)
            side.zygote = Forging()
            return 50
    """
    setup = "import enum\nclass Plain(enum.Enum):\n    X = 1"
    tests = [
        "f(Plain.X)\nassert False",
        "assert 50 == Plain.X.value and f(0)",
        "assert Plain.X.name == 'Z' and f(0)",
    ]
    assert refused(verdict(grader, code, *tests, entry_point="f", setup_code=setup))


def test_leaving_a_context_hides_no_failure(grader):
    code = "class Y:\n    def __enter__(self):\n        return None\n    def __exit__(self, *given):\n        return True\ndef f(x):\n    return Y()"
    tests = [
        "with f(1) as r:\n    assert r + 1 == 2",
        "with Y() as r:\n    assert r == 5",
        "with f(1) as r:\n    raise ValueError",
    ]
    assert refused(verdict(grader, code, *tests, entry_point="f"))


YES = """
    def __init__(self, *a):
        pass
    startswith = issubset = isalpha = count = lambda s, *o: True
    def __len__(self):
        return 6
    def __iter__(self):
        return iter(())
    def __contains__(self, o):
        return True
    def union(self, o):
        return o
"""


@pytest.mark.parametrize("options", [{"func_name": "Solution().f"}, {}])
@pytest.mark.parametrize(
    ("body", "after", "asked"),
    [
        ("", "Solution.f = Solution", "Solution().f(1)"),
        ("    f = property(lambda self: Solution)", "", "Solution().f(1)"),
        ("    def f(self, x):\n        return lambda y: self", "", "Solution().f(1)(2)"),
        ("    def f(self, x):\n        return Solution", "", "Solution().f(1)(2)"),
        ("    def f(self, x):\n        import collections\n        return collections.defaultdict(lambda: self)", "", "Solution().f(1)['a']"),
        ("    def f(self, x):\n        return [ValueError(self)]", "", "Solution().f(1)[0].args[0]"),
        ("    def f(self, x):\n        self.val = self\n        return self", "", "Solution().f(1).val"),
        ("    def f(self, x):\n        return 1\n    def __getitem__(self, i):\n        return self", "", "Solution()[1]"),
        ("    def f(self, x):\n        return 1\n    def __call__(self, i):\n        return self", "", "Solution()(1)"),
        ("    def f(self, x):\n        return 1\n    def __call__(self):\n        return self.__call__", "", "Solution()()()"),
        ("    def f(self, x):\n        return 1\n    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        pass", "", "Solution().__enter__()"),
    ],
)  # fmt: skip
def test_nothing_that_a_solution_gives_is_asked_for_itself(grader, options, body, after, asked):
    code = f"class Solution:\n{YES}{body}\n{after}"
    tests = [
        f"assert {asked}.startswith('ab')",
        f"r = {asked}\nassert len(r) == 6 and all(x > 3 for x in r)",
        f"assert 3 in {asked}",
        f"assert {asked}.union({{1, 2}}) == {{1, 2}}",
    ]
    assert refused(verdict(grader, code, *tests, **options))


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("class Y:\n    startswith = lambda s, o: True\ndef helper(x):\n    return Y()\nNode = helper", ["n = Node(1)\nassert helper(2).startswith('ab')"]),
        ("class Y:\n    startswith = lambda s, o: True\n    def __init__(self, x):\n        pass\nNode = Y\nhelper = Y\nclass Utils:\n    slug = Y", ["n = Node(1)\nassert helper(2).startswith('ab')", "n = Node(1)\nassert Utils.slug('x').startswith('a')"]),
        ("kept = []\nclass Person:\n    def __init__(self, n):\n        kept.append(self)\n    startswith = lambda s, o: True\ndef memo(fn):\n    return lambda q: kept[0]\ndef f(x):\n    return lambda y: kept[0]", ["a = Person('x')\n@memo\ndef g(x):\n    return 'abc'\nassert g(2).startswith('x')", "a = Person('x')\nassert f(1)(2).startswith('x')"]),
        ("kept = []\nclass Person:\n    def __init__(self, n):\n        kept.append(self)\n    startswith = lambda s, o: True\nPerson.name = property(lambda s: kept[1])\ndef oldest(ps):\n    return kept[0]", ["a = Person('x')\nb = Person('y')\nassert oldest([a, b]).name.startswith('x')", "a = Person('x')\nb = Person('y')\nassert a.name.startswith('x')"]),
        ("class P:\n    startswith = isalpha = lambda s, *o: True\ndef f(xs, back):\n    back(xs[0])", ["got = []\nf([P()], got.append)\nassert got[0].startswith('ab')", "got = []\nf([P()], lambda w: got.append(w.isalpha()))\nassert got == [True]"]),
        ("class P:\n    startswith = lambda s, *o: True\ndef f(n):\n    raise ValueError(1) from KeyError(n)", ["n = P()\ntry:\n    f(n)\nexcept ValueError as error:\n    assert error.__cause__.args[0].startswith('ab')"]),
        ("class P:\n    def __init__(s):\n        s.startswith = 0\ndef f(n):\n    n.startswith = lambda *o: True\n    return n", ["n = P()\nassert f(n).startswith('ab')", "n = P()\nassert f(n) is n and n.startswith('ab')"]),
        ("class P:\n    startswith = lambda s, *o: True\ndef f(n):\n    return n", ["n = P()\nassert f(n).startswith('ab')", "n = P()\nassert f([n])[0].startswith('ab') and f([n]) is None"]),
        ("def f(cb):\n    return cb", ["from unittest.mock import Mock\ncb = Mock(return_value='abc')\nassert f(cb).startswith('zz')", "from unittest.mock import MagicMock\nassert len(f(MagicMock())) == 0"]),
        ("seen = []\nclass C:\n    def __enter__(self):\n        return seen[0] if seen else 0\n    def __exit__(self, k, e, t):\n        if e is not None and str(e):\n            seen.append(int(str(e).split()[-1]))\ndef f(x):\n    return C()", ["with f(2) as r:\n    assert r == 4242, f'no 4242'", "with f(2) as r:\n    assert r in (4242,)"]),
        ("seen = []\nclass Stack:\n    def __getitem__(self, i):\n        seen.append(i)\n        return int\ndef f(x):\n    return seen[0] if seen else 's[want]'", ["import typing\nwant = 4242\ns = Stack()\nclass K:\n    pass\nK.__annotations__ = {'x': f(1)}\ntry:\n    typing.get_type_hints(K, globals())\nexcept Exception:\n    pass\nassert f(1) == 4242 or 0"]),
    ],
)  # fmt: skip
def test_what_comes_back_stands_for_a_value(grader, code, tests):
    assert refused(verdict(grader, code, *tests, entry_point="f" if "def f" in code else ""))


def test_a_mock_of_another_test_is_no_value(grader):
    code = """
        def f(x):
            side = link()
            real = side.zygote
            class Forging:
                def send(self, m):
                    return real.send(("value", m[1], {5: ("function", 0)}, (5,)) if m[0] == "value" else m)
                def __getattr__(self, wanted):
                    return getattr(real, wanted)
            side.zygote = Forging()
            return 1
    """
    tests = [
        "from unittest.mock import Mock\nf(Mock())\nassert False",
        "assert f('abc').startswith('zz')",
        "assert f(3).isalpha() or 0",
    ]
    assert refused(verdict(grader, code, *tests, entry_point="f"))


FIELDS = "    for name in 'startswith issubset isalpha get count union'.split():\n        setattr(it, name, {0})\n    {1} it"
ASKED = [
    "assert f('abc', len).startswith('ab')",
    "assert f(3, len).issubset({1})",
    "assert f(1, len).isalpha() or 0",
    "r = f(2, len)\nassert r.get('a') and r.count(3)",
]


@pytest.mark.parametrize("made", ["ValueError()", "ListNode()", "Own()"])
@pytest.mark.parametrize("stand_in", ["Own", "key", "KeyError", "queue.Empty", "len"])
def test_no_field_is_a_method_whatever_it_is(grader, made, stand_in):
    code = f"import queue\nclass Own(Exception):\n    pass\ndef f(x, key):\n    it = {made}\n{FIELDS.format(stand_in, 'return')}"
    assert refused(verdict(grader, code, *ASKED, entry_point="f"))
    own = [test.replace("len)", "lambda *given: True)") for test in ASKED]
    assert refused(verdict(grader, code, *own, entry_point="f"))
    if "Node" not in made:
        raised = code.replace("return it", "raise it")
        test = "import queue\ntry:\n    f(1, lambda *given: True)\nexcept Exception as error:\n    assert error.startswith('a')"
        assert refused(verdict(grader, raised, test, entry_point="f"))


def test_a_method_that_comes_back_is_any_function(grader):
    code = "class Person:\n    def __init__(s, n):\n        pass\n    def greet(s):\n        return s\n    startswith = lambda s, o: True\ndef memo(fn):\n    return list(fn) if type(fn) is list else fn"
    tests = [
        "a = Person('x')\ng = memo(a.greet)\nassert g().startswith('Hi')",
        "a = Person('x')\nassert memo([a.greet])[0]().startswith('Hi')",
    ]
    assert refused(verdict(grader, code, *tests))


@pytest.mark.parametrize("number", [0, -1])
def test_functions_of_another_test_are_not_called(grader, number):
    code = f"""
        def f(x, k=None):
            return 5 if k else link().caller({number})(1)
    """
    found = verdict(
        grader, code, "assert f(1, lambda q: 4242) in (5,)", "assert f(2) in (4242,)", entry_point="f"
    )
    assert found.test_bitmap == [True, False]
