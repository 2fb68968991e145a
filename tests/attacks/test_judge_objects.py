"""Attempts by objects: what an answer's own class says of itself, or learns of what is expected. None may pay."""

import textwrap

import pytest
from test_judge import LIMITS, LINK, refused

from vgrout import GradeJob, Grader, Verdict

SETUP = """
class Grid:
    SIZE = 4
    pick = max
    def __init__(self, cells):
        self.cells = cells
    def is_whole(self):
        return all(self.cells[i] == i for i in range(self.SIZE))
    def top(self):
        return self.pick(self.cells) == 3
"""


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1, limits=LIMITS) as opened:
        yield opened


def verdict(grader: Grader, code: str, *tests: str, **options) -> Verdict:
    options = {"entry_point": "f", "setup_code": SETUP} | options
    return grader.grade([GradeJob(f"```python\n{LINK}{textwrap.dedent(code)}\n```", list(tests), **options)])[
        0
    ]


YES = "startswith = issubset = isalpha = is_integer = fullmatch = count = lambda *given: True"
PREDICATES = [
    "assert {}.startswith('ab')",
    "assert {}.issubset({{1}}) and True",
    "assert {}.isalpha() or 0",
    "assert {}.count(3)",
]


@pytest.mark.parametrize(
    ("code", "asked", "options"),
    [
        (f"class Solution:\n    def f(self, x):\n        return self\n    {YES}", "Solution().f(1)", {"entry_point": "", "func_name": "Solution().f"}),
        (f"class Y:\n    {YES}\ndef f(x):\n    return Y()", "f(1)", {}),
        (f"class Y:\n    {YES}\ndef f(x):\n    return [Y()]", "f(1)[0]", {}),
        ("class Y:\n    startswith = issubset = isalpha = count = staticmethod(lambda *given: True)\ndef f(x):\n    return Y", "f(1)", {}),
        ("def g():\n    pass\ng.startswith = g.issubset = g.isalpha = g.count = lambda *given: True\ndef f(x):\n    return g", "f(1)", {}),
        (f"class Y:\n    __module__ = 'elsewhere'\n    {YES}\n    def __call__(self):\n        pass\ndef f(x):\n    return Y()", "f(1)", {}),
        (f"class Y:\n    {YES}\nresult = Y()\ndef f(x):\n    return result", "result", {}),
        (f"class Y:\n    {YES}\nclass Z:\n    y = Y()\ndef f(x):\n    return Z()", "f(1).y", {}),
    ],
)  # fmt: skip
def test_an_object_answers_no_question_that_a_value_was_to_answer(grader, code, asked, options):
    tests = [test.format(asked) for test in PREDICATES]
    assert refused(verdict(grader, code, *tests, **options))


@pytest.mark.parametrize(
    "test",
    [
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertSetEqual(f(3), {1, 2, 3})\nunittest.main()",
        "assert not f(3).symmetric_difference({1, 2, 3})",
        "assert f(3).union({1, 2, 3}) == {1, 2, 3}",
        "got, want = f(3), {1, 2, 3}\nassert not got.difference(want) and not want.difference(got)",
        "got = f(3)\nfor x in [1, 2]:\n    got.remove(x)\nassert not got",
        "assert f('a+').fullmatch('aaa')",
        "assert f(3).get('k', 5) == 5",
        "def norm(v):\n    return v.val if isinstance(v, Node) else v\nassert norm([1, 2, 3]) == norm(f(3))",
        "def norm(v):\n    return v.val if isinstance(v, Node) else v\nkept = [1, 2]\nnorm(kept)\nassert f(0) == kept",
    ],
)
def test_what_is_expected_is_not_told(grader, test):
    code = """
        seen = []
        class Meta(type):
            def __instancecheck__(cls, other):
                seen.append(list(other) if isinstance(other, list) else other)
                if isinstance(other, list):
                    other.clear()
                return False
        class Node(metaclass=Meta):
            pass
        class Y:
            kept = ()
            def difference(self, other):
                self.kept = list(other)
                return set()
            symmetric_difference = difference
            def union(self, other):
                return other
            def get(self, key, default):
                return default
            def remove(self, x):
                pass
            fullmatch = lambda self, *given: True
            def __bool__(self):
                return False
            def __iter__(self):
                return iter(self.kept)
        def f(x):
            return Y() if x else []
    """
    assert refused(verdict(grader, code, test))


@pytest.mark.parametrize(
    ("name", "test"),
    [
        ("__main__:SkipTest", "from unittest import *\nclass T(TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\nmain()"),
        ("unittest.case:SkipTest", "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\nunittest.main()"),
        ("__main__:Found", "class Found(Exception):\n    pass\ndef back(x):\n    raise Found\ntry:\n    f(back)\n    assert False\nexcept Found:\n    pass"),
    ],
)  # fmt: skip
def test_a_forged_exception_is_none_of_the_tests(grader, name, test):
    code = f"""
        def f(x):
            side = link()
            real = side.zygote
            class Forging:
                def send(self, message):
                    if message[0] in ("raise", "value"):
                        message = ("raise", message[1], {{}}, [[{name!r}], ["x"], [], "x", None])
                    return real.send(message)
                def __getattr__(self, wanted):
                    return getattr(real, wanted)
            side.zygote = Forging()
            return 1
    """
    assert refused(verdict(grader, code, test))


def test_what_a_call_back_raised_is_not_kept_for_a_later_call(grader):
    code = """
        kept = []
        def f(g):
            if callable(g):
                try:
                    g()
                except Exception as error:
                    kept.append(error)
                return 0
            raise kept[0]
    """
    test = "it = iter([])\nassert f(lambda: next(it)) == 0\nassert all(map(lambda x: f(x) == x, [1, 2, 3]))"
    assert refused(verdict(grader, code, test))


def test_constants_and_helpers_of_a_class_are_not_the_answers(grader):
    code = """
        def f(x):
            grid = Grid([9, 9, 9, 9])
            if x:
                grid.SIZE = 0
            else:
                grid.pick = lambda cells: 3
            return grid
    """
    assert refused(verdict(grader, code, "assert f(1).is_whole()"))
    assert refused(verdict(grader, code, "assert f(0).top()"))
    right = verdict(
        grader, "def f(x):\n    return Grid([0, 1, 2, 3])", "assert f(1).is_whole()", "assert f(0).top()"
    )
    assert right.gt_correct


def test_an_object_can_no_more_than_its_class(grader):
    tests = [
        "assert callable(f(3))",
        "from collections.abc import Iterable\nassert isinstance(f(3), Iterable)",
        "from collections.abc import Sized\nassert isinstance(f(3), Sized)",
        "assert hasattr(f(3), '__iter__')",
    ]
    assert refused(verdict(grader, "class Y:\n    pass\ndef f(x):\n    return Y()", *tests))


@pytest.mark.parametrize(
    "test",
    [
        "try:\n    n = Node(1)\nexcept NameError:\n    assert False, 'define Node'\nassert f(n) is n",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertTrue(Trie())\n"
        "r = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nassert r.wasSuccessful()",
    ],
)
def test_what_an_answer_leaves_undefined_is_no_fault_of_the_data(grader, test):
    assert refused(verdict(grader, "def f(x):\n    return x", test))


@pytest.mark.parametrize(
    ("code", "test", "options"),
    [
        ("import unittest.case\ndef f(x):\n    raise unittest.case._ShouldStop", "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\nunittest.main()", {}),
        ("class Y:\n    is_whole = lambda self: True\ndef f(x):\n    return Y()", "assert f(4).is_whole()", {}),
        ("class Y:\n    def __len__(self):\n        return 2\n    def __iter__(self):\n        return iter(())\ndef f(x):\n    return Y()", "got = f(1)\nassert len(got) == 2\nfor g, w in zip(got, [0.5, 1.0]):\n    assert abs(g - w) < 1e-6", {}),
        ("class Node:\n    def __init__(self, v):\n        pass\nclass Y:\n    startswith = lambda self, o: True\ndef f(back):\n    return back(Y())", "n = Node(1)\nassert f(lambda s: s.startswith('ab'))", {}),
    ],
)  # fmt: skip
def test_what_a_third_reading_found(grader, code, test, options):
    assert refused(verdict(grader, code, test, **options))


FORGE = """
    def forge(change):
        side = link()
        real = side.zygote
        class Forging:
            def send(self, message):
                return real.send(change(message))
            def __getattr__(self, wanted):
                return getattr(real, wanted)
        side.zygote = Forging()
"""


def test_what_a_class_makes_gives_permission_to_nothing_else(grader):
    code = (
        FORGE
        + """
    class Y:
        startswith = lambda self, start: True
    kept = Y()
    class Node:
        def __init__(self, v):
            side = link()
            number = side.number_of(kept)
            def change(message):
                if message[0] == "value" and message[2]:
                    table = message[2] | {40: ("handle", [number, []])}
                    message = (*message[:2], table | {41: ("list", [(40,)])}, message[3])
                return message
            forge(change)
    def f(x):
        return kept
    """
    )
    assert refused(verdict(grader, code, "n = Node(1)\nassert f(1).startswith('ab')"))


def test_permission_ends_with_the_test(grader):
    code = """
        class Node:
            startswith = lambda self, start: True
        made = []
        def f(x):
            return made[0] if made else 0
        init = lambda self, v: made.append(self)
        Node.__init__ = init
    """
    found = verdict(grader, code, "assert Node(1).startswith('a')\nf(0)", "assert f(1).startswith('ab')")
    assert found.test_bitmap == [True, False]


def test_data_of_objects_that_functions_return_is_not_read_anew(grader):
    code = (
        FORGE
        + """
    class Changing(int):
        pass
    def f(x):
        side = link()
        it = Changing(0)
        def change(message):
            if message[0] == "value":
                return ("value", message[1], {0: ("handle", [side.number_of(it), ["data", "__len__", "__iter__"]])}, (0,))
            return message
        forge(change)
        return it
    """
    )
    tests = [
        "r = f(1)\nassert r == 0 or True and r < 1",
        "assert isinstance(f(1), int)",
        "assert len(f(1)) >= 0",
    ]
    assert refused(verdict(grader, code, *tests))


@pytest.mark.parametrize(
    "forged", ["5", "()", "('names',)", "('names', {1: 2})", "['f']", "('back', {}, 0, [], [])"]
)
def test_a_forged_first_or_last_message_holds_no_test(grader, forged):
    code = (
        FORGE
        + f"""
    def f(x):
        def change(message):
            return {forged} if message[0] == "ended" else message
        forge(change)
        return x + 1
    """
    )
    found = verdict(grader, code, "assert f(1) == 3 or f(2) == 4", "assert f(1) == 2 and True")
    assert refused(found)


@pytest.mark.parametrize(
    "setup",
    [
        "def calc(text, run=eval):\n    return run(text)",
        "from builtins import *\nkept = eval\ndef calc(text):\n    return kept(text)",
        "import builtins\nkept = vars(builtins)['exec']\ndef calc(text):\n    found = {}\n    kept('r = ' + text, found)\n    return found['r']",
        "import code, io\ndef calc(text):\n    found = {}\n    code.InteractiveInterpreter(found).runsource('r = ' + text)\n    return found.get('r')",
    ],
)
def test_setup_code_that_kept_eval_runs_no_text_of_the_answers(grader, setup):
    code = "def f(x):\n    return '[t for t in [42] if not print()][0]'"
    assert refused(verdict(grader, code, "assert calc(f(1)) == 42", setup_code=setup))
    right = "def f(x):\n    return '6 * 7'"
    assert verdict(
        grader, right, "want = calc('40 + 2')\nassert f(1) != want and want == 42", setup_code=setup
    ).gt_correct
