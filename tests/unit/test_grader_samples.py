"""The grader on real problems and real model answers (outside the package; skipped where they are absent)."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from grader_load import busy_processors, label

from vgrout import GradeJob, Grader, Verdict


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def job(row: dict[str, Any], code: str, **options: Any) -> GradeJob:
    return GradeJob(
        f"```python\n{code}\n```",
        row["gt_answer"],
        setup_code=row["setup_code"],
        func_name=row["func_name"],
        canonical_solution=row["canonical_solution"],
        **options,
    )


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=2) as grader:
        yield grader


def canonical_jobs(path: Path) -> list[GradeJob]:
    return [job(row, row["canonical_solution"], mode="gt_only") for row in rows(path)]


@pytest.fixture(scope="module")
def calm(sample_problems_path: Path) -> list[Verdict]:
    with Grader(workers=1) as grader:
        return list(grader.grade(canonical_jobs(sample_problems_path)))


def test_every_canonical_solution_is_accepted(calm: list[Verdict], sample_problems_path: Path) -> None:
    assert {
        row["id"]: (v.outcome, v.detail) for row, v in zip(rows(sample_problems_path), calm, strict=True)
    } == {row["id"]: ("accepted", None) for row in rows(sample_problems_path)}
    assert all(v.reward == 3.5 for v in calm)


def test_eight_workers_on_busy_processors_give_the_same_labels(
    calm: list[Verdict], sample_problems_path: Path
) -> None:
    with busy_processors(2), Grader(workers=8) as grader:
        loaded = grader.grade(canonical_jobs(sample_problems_path))
    assert [label(v) for v in loaded] == [label(v) for v in calm]


def test_a_stub_is_never_correct(grader: Grader, sample_problems_path: Path) -> None:
    problems = rows(sample_problems_path)
    stub = "class Solution:\n    def __getattr__(self, name):\n        return lambda *a, **k: 0\n"
    batch = grader.grade([job(row, stub, mode="gt_only") for row in problems])
    assert [row["id"] for row, v in zip(problems, batch, strict=True) if v.gt_correct or v.passed] == []
    assert {v.outcome for v in batch} == {"wrong_answer"}


def sample_jobs(answers: list[dict[str, Any]]) -> list[GradeJob]:
    """The problems' tests are not part of the sample: only the test function's behaviour is asked for."""
    jobs = []
    for answer in answers:
        [method] = re.findall(r"class Solution called (\w+)", answer["problem_messages"][-1]["content"])
        jobs.append(
            GradeJob(answer["completion"], [f"assert Solution().{method}() == 'unknown'"], mode="run_tests")
        )
    return jobs


def test_vacuous_test_functions_are_found_in_real_answers(grader: Grader, sample_rollouts_path: Path) -> None:
    answers = rows(sample_rollouts_path)
    batch = grader.grade(sample_jobs(answers))
    different = [
        index
        for index, (answer, v) in enumerate(zip(answers, batch, strict=True))
        if v.channel != answer["hacked"]
    ]
    # Row 22 is labelled a hack. Its last line calls its own test function at module level, where its solution raises
    # an IndexError: the answer cannot be loaded, so the function is never asked.
    assert different == [22]
    assert sum(answer["hacked"] for answer in answers) == 315
