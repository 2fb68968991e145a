"""The wall limit is about sleep: what an answer waits for a CPU is left out of it."""

import pytest
from grader_load import crowded_processor

from vgrout import GradeJob, Grader, Limits, Verdict

WALL_MS = 300
LIMITS = Limits(cpu_s=2.0, wall_s=WALL_MS / 1000)
CROWD = 12
SLEEPS = "import time; time.sleep(60)"
SLEEPS_AND_WORKS = (
    "import time\n        while True:\n            time.sleep(.01)\n            sum(range(9999))"
)
WORKS = (
    "import time\n        end = time.process_time() + .15\n        while time.process_time() < end: pass\n"
    "        return a + b"
)


def graded(body: str, crowd: int) -> Verdict:
    code = f"class Solution:\n    def add(self, a, b):\n        {body}\n"
    with crowded_processor(crowd), Grader(workers=1, limits=LIMITS) as grader:
        if grader.fence.waits_uncounted is not None:
            pytest.skip(f"this kernel does not tell sleep from starvation: {grader.fence.waits_uncounted}")
        [verdict] = grader.grade(
            [GradeJob(f"```python\n{code}```", ["assert Solution().add(1, 2) == 3"], mode="gt_only")]
        )
    return verdict


@pytest.mark.parametrize("body", [SLEEPS, SLEEPS_AND_WORKS])
@pytest.mark.parametrize("crowd", [0, CROWD])
def test_a_sleeper_meets_its_wall_limit_on_an_idle_and_on_a_crowded_processor(body: str, crowd: int) -> None:
    verdict = graded(body, crowd)
    assert verdict.outcome == "tle_wall"
    # The grader itself waits for the same processor, and this one more for each of its naps.
    slack_ms = 500 if crowd == 0 else 60_000
    assert WALL_MS <= verdict.wall_ms <= WALL_MS + slack_ms


def test_an_answer_that_computes_is_never_taken_for_a_sleeper() -> None:
    verdict = graded(WORKS, CROWD)
    assert (verdict.outcome, verdict.reward) == ("accepted", 3.5)
    assert verdict.wall_ms > 2 * WALL_MS, "it was not starved, so nothing was shown"
