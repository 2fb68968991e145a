"""The fuzz target holds on random bytes, and would tell if it did not."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A process of its own: an audit hook cannot be taken off again.
DRIVE = """
import collections, random, sys
sys.path.insert(0, "tests/fuzz")
import judge_exchange
target = judge_exchange.Target()
{mutation}
draw = random.Random(7)
for _ in range(3000):
    target(draw.randbytes(draw.randrange(240)))
assert target.judged > 2000, target.judged
"""
# What each mutation lets through, and what is said of it.
MUTATIONS = {
    "def special(self, unpacker, kind, content): eval(str(content))\ntarget.runner.Judge.special = special": "caused compile",
    "target.runner.Judge.refuse = lambda self, what: None\ntarget.runner.HELD = target.runner.FAILED": "AssertionError",
}

pytestmark = pytest.mark.skipif(not (ROOT / "rust").is_dir(), reason="needs the repository")


def drive(mutation: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DRIVE.format(mutation=mutation)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_random_conversations_hold_no_test_and_run_nothing() -> None:
    result = drive()
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_target_tells_a_judge_that_believes(mutation: str) -> None:
    result = drive(mutation)
    assert result.returncode != 0
    assert MUTATIONS[mutation] in result.stderr
