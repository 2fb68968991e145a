"""Whatever bytes and tables an answer sends: a wrong answer stays wrong, and no data is blamed."""

import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vgrout import GradeJob, Grader, Limits

sys.path.append(str(Path(__file__).parents[1] / "fuzz"))
from judge_exchange import KINDS

scalars = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=8)
references = st.tuples(st.integers(-1, 9))
contents = st.lists(scalars | references, max_size=6) | scalars | references
tables = st.dictionaries(st.integers(-1, 9), st.tuples(st.sampled_from(KINDS), contents), max_size=5)
replies = st.tuples(
    st.sampled_from(["value", "raise", "bad", "back", "names", "ended", "?"]), tables, contents
)

CODE = """
    import sys
    def link():
        frame = sys._getframe()
        while not hasattr(frame.f_locals.get("self"), "zygote"):
            frame = frame.f_back
        return frame.f_locals["self"]
    REPLIES = {replies!r}
    nan, inf = float("nan"), float("inf")
    def f(x):
        side = link()
        real = side.zygote
        class Forging:
            def send(self, message):
                forged = REPLIES.pop(0) if REPLIES else ("value", {{}}, 5)
                kind, table, item = forged
                if kind == "back":
                    real.send((kind, table, item, [], []))
                    return real.send(("value", message[1], {{}}, 5))
                return real.send((kind, message[1], table, item))
            def __getattr__(self, name):
                return getattr(real, name)
        side.zygote = Forging()
        return 5
"""
TESTS = [
    "given = [1]\nassert f(given, key=None) == {1: {2: 3}} or False",
    "assert f({2: 'x'}) in ({1: 'y'},)",
]


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1, limits=Limits(cpu_s=2.0, wall_s=0.5, memory_bytes=256 << 20)) as opened:
        yield opened


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forged=st.lists(replies, min_size=1, max_size=4))
def test_forged_conversations_earn_nothing(grader, forged):
    code = "nan, inf = float('nan'), float('inf')\n" + textwrap.dedent(CODE).format(replies=forged)
    found = grader.grade([GradeJob(f"```python\n{code}\n```", TESTS, entry_point="f")])[0]
    assert not found.gt_correct
    assert not any(found.test_bitmap)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200))
def test_raw_bytes_earn_nothing(grader, raw):
    code = f"import os\ndef f(x):\n    for fd in range(3, 9):\n        try:\n            os.write(fd, {raw!r})\n        except OSError:\n            pass\n    return 5"
    found = grader.grade([GradeJob(f"```python\n{code}\n```", TESTS, entry_point="f")])[0]
    assert not found.gt_correct
    assert not any(found.test_bitmap)
