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
