"""Labels under heavy load, again and again, are those of one idle worker (run by `just soak`)."""

import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from vgrout import GradeJob, Grader

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from grader_load import busy_processors, label

ROUNDS = int(os.environ.get("VGROUT_SOAK_ROUNDS", "10" if os.environ.get("VGROUT_SOAK") else "0"))


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def canonical_jobs(path: Path, *, judged: bool) -> list[GradeJob]:
    """The right answers; `judged` by the first tests, each behind a statement, which makes it one for the judge."""
    return [
        GradeJob(
            f"```python\n{row['canonical_solution']}\n```",
            [f"pass\n{test}" for test in row["gt_answer"][:20]] if judged else row["gt_answer"],
            mode="gt_only",
            setup_code=row["setup_code"],
            func_name=row["func_name"],
            canonical_solution=row["canonical_solution"],
        )
        for row in rows(path)
    ]


def answer_jobs(path: Path) -> list[GradeJob]:
    jobs = []
    for row in rows(path):
        [method] = re.findall(r"class Solution called (\w+)", row["problem_messages"][-1]["content"])
        tests = [f"assert Solution().{method}() == 'unknown'"]
        jobs.append(GradeJob(row["completion"], tests, mode="run_tests"))
    return jobs


@pytest.mark.skipif(ROUNDS == 0, reason="takes minutes; `just soak` sets VGROUT_SOAK")
@pytest.mark.timeout(900 * max(ROUNDS, 1))
def test_every_round_under_load_gives_the_labels_of_one_idle_worker(
    sample_problems_path: Path, sample_rollouts_path: Path
) -> None:
    canonical = [
        job for judged in (False, True) for job in canonical_jobs(sample_problems_path, judged=judged)
    ]
    jobs = [*canonical, *answer_jobs(sample_rollouts_path)]
    with Grader(workers=1) as grader:
        calm = [label(verdict) for verdict in grader.grade(jobs)]
    for number in range(ROUNDS):
        with busy_processors(4), Grader(workers=8) as grader:
            batch = list(grader.grade(jobs))
        outcomes = [verdict.outcome for verdict in batch[: len(canonical)]]
        assert outcomes == ["accepted"] * len(canonical), f"round {number}"
        assert [label(verdict) for verdict in batch] == calm, f"round {number}"
