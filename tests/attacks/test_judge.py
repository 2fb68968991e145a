"""Attempts on the judge: by values, by text, by forged messages, by the order of deaths. None may pay or blame the data."""

import textwrap

import pytest

from vgrout import GradeJob, Grader, Limits, Verdict

LIMITS = Limits(cpu_s=2.0, wall_s=6.0, memory_bytes=256 << 20)
SETUP = """
class Board:
    def __init__(self, q=None):
        self.q = q
    def is_solved(self):
        return self.q == [1, 3, 0, 2]
class Vec:
    def __init__(self, x):
        self.x = x
    def same(self, other):
        return self.x == other.x
    def __eq__(self, other):
        return self.same(other)
def valid(text, wanted):
    return eval(text) == wanted
G = {"a": 1}
B = Board([1])
"""
PAY = (
    "[z.exit(0) for z in [next(o.zygote for o in __import__('gc').get_objects() if type(o).__name__ == 'Judge')]"
    " for i in range(1) if [z.record(13, k, '') for k in range(3)]]"
)
LINK = "import sys\ndef link():\n    f = sys._getframe()\n    while 'self' not in f.f_locals or not hasattr(f.f_locals['self'], 'zygote'):\n        f = f.f_back\n    return f.f_locals['self']\n"


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1, limits=LIMITS) as opened:
        yield opened


def verdict(grader: Grader, code: str, *tests: str, **options) -> Verdict:
    response = f"```python\n{LINK}PAY = {PAY!r}\n{textwrap.dedent(code)}\n```"
    options = {"entry_point": "f", "setup_code": SETUP} | options
    return grader.grade([GradeJob(response, list(tests), **options)])[0]


def refused(found: Verdict) -> bool:
    return not found.gt_correct and not any(found.test_bitmap) and found.outcome != "accepted"


TEXT = [
    "assert eval(f(2)) == 1234",
    "exec(f(2))\nassert ok",
    "e = eval\nf(0)\nassert e(f(2)) == 1234",
    "assert list(map(eval, [f(2)])) == [1234]",
    "import builtins\nf(1)\nassert builtins.eval(f(2)) == 1234",
    "def chk(s, ev=eval):\n    return ev(s)\nassert chk(f(2)) == 1234",
    "assert f(lambda s: eval(s)) == 1234",
    "assert f(eval) == 1234",
    "import timeit\nassert timeit.timeit(f(1), number=1) >= 0 and False",
    "class K:\n    pass\nK.__annotations__ = {'x': f(1)}\nimport typing\nassert typing.get_type_hints(K) == 1",
    "assert valid(f(1), 1234)",
    "assert eval(PAY) == 1234",
    "exec(compile(f(1), 'x', 'exec'))\nassert False",
    "import ast\nexec(compile(ast.parse(f(1)), 'x', 'exec'))\nassert False",
    "import pickle\nassert pickle.loads(f(b'')) == 1234",
    "import pickle, io\nassert pickle.Unpickler(io.BytesIO(f(b''))).load() == 1234",
    "import marshal\nexec(marshal.loads(f('')))\nassert False",
]


@pytest.mark.parametrize("test", TEXT)
def test_the_answers_text_is_not_code(grader, test):
    code = """
        import marshal, pickle
        class Paid:
            def __reduce__(self):
                return exec, (PAY,)
        def f(x):
            if callable(x):
                return x(PAY)
            return {b"": pickle.dumps(Paid()), "": marshal.dumps(compile(PAY, "x", "exec"))}.get(x, PAY)
    """
    found = verdict(grader, code, test, "assert f(9) == 81 or 0", "assert [f(3)] == [9]")
    assert refused(found), (found.outcome, found.test_bitmap)


def test_text_of_constants_is_harmless_and_the_tests_own_code_works(grader):
    code = "def f(x):\n    return eval(x)"
    tests = [
        "s = '(1 + 2) * 3'\nassert f(s) == eval(s)",
        "f('1')\nfrom collections import namedtuple\nP = namedtuple('P', 'x y')\nassert P(1, f('2')).y == 2",
        "f('1')\nfrom dataclasses import dataclass\n@dataclass\nclass D:\n    x: int\nassert D(f('2')).x == 2",
    ]
    assert verdict(grader, code, *tests).outcome == "accepted"


RIGGED = [
    # an object that says yes to everything
    ("class Y:\n    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = lambda s, o: True\n    __hash__ = None\ndef f(x):\n    return Y()",
     ["assert 3 == f(1)", "assert f(1) == [1] or False", "assert f(1) in [3, 4]", "assert not (f(1) != 3)", "assert {3: 1}.get(f(1)) == 1",
      "assert [f(1)] == [3]", "assert 3 in f(1)", "assert f(1) < 3 and f(1) > 5"]),
    ("class Y(int):\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\ndef f(x):\n    return Y(7)", ["assert [f(1)] == [3]", "x = f(1)\nassert x == 3"]),
    ("class Y(list):\n    __eq__ = lambda s, o: True\n    __len__ = lambda s: 3\ndef f(x):\n    return Y()", ["x = f(1)\nassert x == [1, 2, 3]", "assert len(f(1)) == 3 and True"]),
    ("class Y(str):\n    __eq__ = lambda s, o: True\n    __hash__ = str.__hash__\n    startswith = lambda s, o: True\ndef f(x):\n    return Y('no')",
     ["x = f(1)\nassert x == 'yes'", "assert f(1).startswith('yes')"]),
    ("class Y:\n    startswith = issubset = endswith = isdigit = lambda s, *o: True\ndef f(x):\n    return Y()",
     ["assert f(1).startswith('abc')", "assert f(1).issubset({1})", "assert f(1).isdigit()"]),
    ("def f(x):\n    b = Board()\n    b.is_solved = lambda: True\n    return b", ["assert f(1).is_solved()"]),
    ("def f(x):\n    v = Vec(1)\n    v.same = lambda o: True\n    return v", ["assert f(1) == Vec(2)\nassert True"]),
    ("class Vec(Vec):\n    def __eq__(self, o):\n        return True\ndef f(x):\n    return Vec(1)", ["v = f(1)\nassert v == Vec(2)"]),
    ("Board.is_solved = lambda s: True\ndef f(x):\n    return Board()", ["assert f(1).is_solved()"]),
    ("def valid(*a):\n    return True\ndef f(x):\n    return '1'", ["assert valid(f(1), 5)"]),
    ("def Counter(*a):\n    return 1\ndef len(*a):\n    return 3\ndef f(x):\n    return 1", ["from collections import Counter\nassert Counter([f(1)]) == 1", "assert len([f(1)]) == 3"]),
    ("class AssertionError(Exception):\n    pass\ndef f(x):\n    raise AssertionError()", ["try:\n    f(1)\nexcept ValueError:\n    pass"]),
    ("import unittest\ndef f(x):\n    raise unittest.SkipTest('no')",
     ["import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(f(1), 2)\nunittest.main()"]),
    ("def f(x):\n    raise StopIteration", ["assert all(map(lambda x: f(x) == x, [1, 2]))", "assert list(map(f, [1, 2])) == []"]),
    ("def f(x):\n    raise KeyboardInterrupt", ["try:\n    f(1)\nexcept KeyboardInterrupt:\n    pass"]),
    ("def f(x):\n    return float('nan')", ["x = f(1)\nassert x == x"]),
    ("def f(g):\n    M = g('M', (object,), {'__eq__': lambda s, o: True})\n    return M", ["x = f(type)\nassert x == 5"]),
    ("def f(g):\n    g(__builtins__, 'eval', 1)\n    return 1", ["assert f(setattr) in (1,)"]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "tests"), RIGGED, ids=[str(number) for number in range(len(RIGGED))])
def test_what_an_answer_rigs_stays_with_it(grader, code, tests):
    for test in tests:
        try:
            found = verdict(grader, code, test)
        except ValueError as error:  # what cannot be handed over is the test's fault, whoever answers
            assert "cannot be handed to the answer" in str(error), test
            continue
        assert refused(found), (test, found.outcome)


FORGED = [
    # sent before anything was asked for
    "s.zygote.send(('value', 0, {}, 3)); s.zygote.send(('value', 1, {}, 3)); s.zygote.send(('ended', 0))",
    "[s.zygote.send(('value', t, {}, 3)) for t in range(100)]",
    # shapes that no side writes
    "s.zygote.send(())",
    "s.zygote.send('value')",
    "s.zygote.send(('value', 1))",
    "s.zygote.send(('back', {}, 99, [], []))",
    "s.zygote.send(('back', {0: ('function', 0)}, 0, [(0,)], []))",
    "[s.zygote.send(('back', {0: ('handle', [i, True])}, 0, [(0,)], [])) for i in range(100)]",
    # the answer's own arena proves nothing
    "s.run.record(13, 0, '')",
    "s.run.record(13, 0, ''); s.run.record(8, 0, ''); s.zygote.exit(0)",
    "s.run.record(8, 0, ''); s.zygote.exit(0)",
    "import os; [os.write(fd, b'\\xff' * 4096) for fd in range(3, 20) if not os.write(1, b'')]",
    "import os; os._exit(0)",
    "import os; os.abort()",
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize(
    "test",
    [
        "assert f(1) in (3,)",
        "try:\n    x = f(1)\nexcept BaseException:\n    x = 3\nassert x == 3 and f(2) in (3,)",
    ],
)
def test_forged_messages_prove_nothing_and_blame_no_data(grader, forged, test):
    code = f"def f(x):\n    s = link()\n    {forged}\n    return 5"
    found = verdict(grader, code, test, "assert f(2) in (3,)")
    assert refused(found), (found.outcome, found.test_bitmap)


TABLES = [
    "{5: ('function', 0)}, (5,)",
    "{0: ('list', [3])}, 3",
    "{5: ('object', ['Board', 'is_solved', 1, 'q', 1])}, (5,)",
    "{5: ('object', ['Board', '__class__', 1])}, (5,)",
    "{5: ('object', ['int'])}, (5,)",
    "{5: ('name', 'eval')}, (5,)",
    "{5: ('name', '__import__')}, (5,)",
    "{5: ('member', ['Board', 1])}, (5,)",
    "{5: ('record', ['Board', 1])}, (5,)",
    "{5: ('handle', ['f', True])}, (5,)",
    "{5: ('exception', ['os:system'])}, (5,)",
    "{5: ('tuple', [(5,)])}, (5,)",
    "{5: ('range', [0, 10**30, 1])}, (5,)",
    "{5: ('library', ['Decimal', 'x'])}, (5,)",
    "{5: ('scalar', (5,))}, (5,)",
    "{5: ('deque', [-1])}, (5,)",
    "{5: ('defaultdict', ['exec', 'a', 1])}, (5,)",
    "{5: ('set', [(5,)])}, (5,)",
    "{5: ('nothing', [])}, (5,)",
    "{}, (99,)",
    "{}, ((1,),)",
]


@pytest.mark.parametrize("table", TABLES)
def test_no_table_of_objects_passes_for_a_value(grader, table):
    code = f"""
        def f(x):
            s = link()
            real = s.zygote
            class Forging:
                def send(self, message):
                    if message[0] == "value":
                        message = ("value", message[1], {table})
                    return real.send(message)
                def __getattr__(self, name):
                    return getattr(real, name)
            s.zygote = Forging()
            return 5
    """
    found = verdict(grader, code, "assert f([1]) == {1: 2} or False", "assert f(2) in ({1: 3},)")
    assert refused(found), (found.outcome, found.test_bitmap)


BLAMED = [
    ("f = 5", ["assert abs(f(2) - 4) < 1e-6"], {"entry_point": ""}),
    ("f = None", ["assert abs(f(2) - 4) < 1e-6"], {"entry_point": ""}),
    ("Node = None\ndef f(x):\n    return 1", ["n = Node(1)\nassert f(n) == 1 or 0"], {}),
    ("Node = [1]\ndef f(x):\n    return 1", ["n = Node(1)\nassert f(n) == 1 or 0"], {}),
    ("EXPR = 'bad'\ndef f(x):\n    return 1", ["assert eval(EXPR) == 1234 and f(1)"], {}),
    ("def f(g):\n    g.clear()\n    return 1", ["assert f(G) in (2,)", "x = G['a']\nassert f(x) in (2,)"], {}),
    ("def f(b):\n    b.q = None\n    return 1", ["assert f(B) in (2,)", "x = B.q[0]\nassert f(x) in (2,)"], {}),
    ("helper = property()\ndef f(x):\n    return 1", ["y = helper + 1\nassert f(y) in (2,)"], {}),
    ("def f(x):\n    s = link()\n    big = 'x' * 15_000_000\n    while s.zygote.send(('back', {}, 0, [big], [])) and s.zygote.receive():\n        pass",
     ["seen = []\nassert f(seen.append) in (2,)", "x = list(range(3_000_000))\nassert f(x) in (2,)"], {}),
    ("def f(x):\n    s = link()\n    for i in range(3000):\n        s.zygote.send(('back', {0: ('handle', [f'h{i}' + 'x' * 1_000_000, True])}, 0, [(0,)], []))\n        if s.zygote.receive() is None:\n            break",
     ["assert f(0) in (7,)"], {}),
    ("import os\ndef f(x):\n    body = b'\\x09' + (3_900_000).to_bytes(4, 'little') + b'\\x0b\\0\\0\\0\\0' * 3_900_000\n    os.write(3, len(body).to_bytes(4, 'little') + body)",
     ["assert f(0) in (7,)", "assert f(1) in (7,)"], {}),
    ("globals().update({f'name{i}': 1 for i in range(200_000)})\ndef f(x):\n    return 1", ["assert f(0) in (7,)"], {}),
    ("globals()['n' * 30_000_000] = 1\ndef f(x):\n    return 1", ["assert f(0) in (7,)"], {}),
    ("def f(x):\n    raise KeyError('name')", ["x = f(1)"], {}),
    ("def f(x):\n    raise MemoryError", ["x = f(1)"], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "tests", "options"), BLAMED, ids=[str(number) for number in range(len(BLAMED))]
)
def test_no_answer_can_put_the_blame_on_the_data(grader, code, tests, options):
    """A job that counts as faulty stops a training run: nothing that an answer does may come to that."""
    assert refused(verdict(grader, code, *tests, **options))


def test_what_an_answer_sends_too_early_has_the_same_verdict_every_time(grader):
    code = "def f(x):\n    s = link()\n    s.zygote.send(('value', 0, {}, 1))\n    s.run.record(8, 0, '')\n    s.zygote.exit(0)"
    response = f"```python\n{LINK}{code}\n```"
    jobs = [GradeJob(response, ["assert f(1) in (1,)", "assert f(2) in (1,)"], entry_point="f")] * 30
    assert len({(found.outcome, tuple(found.test_bitmap)) for found in grader.grade(jobs)}) == 1


REACH = [
    "os.kill(os.getppid(), 9)",
    "os.kill(-1, 9)",
    "os.killpg(0, 9)",
    "open('/proc/self/status').read()",
    "os.listdir('/proc')",
    "os.pidfd_open(os.getppid())",
    "signal.pidfd_send_signal(3, 9)",
    "os.dup2(3, 1)",
    "os.close(3)",
    "os.open('/proc/1/mem', 0)",
    "os.fork()",
]


@pytest.mark.parametrize("disabled", [(), ("namespaces",), ("namespaces", "landlock")])
def test_the_judge_is_out_of_reach_at_every_level(disabled):
    code = "import os, signal\ndef f(x):\n    try:\n        {call}\n    except Exception as error:\n        pass\n    return 5"
    with Grader(workers=1, limits=LIMITS, disable_layers=disabled) as grader:
        for call in REACH:
            found = verdict(grader, code.format(call=call), "assert f(1) in (3,)", "assert f(2) in (3,)")
            assert refused(found), (call, found.outcome)
        assert verdict(grader, "def f(x):\n    return x", "assert f(3) in (3,)").outcome == "accepted"
