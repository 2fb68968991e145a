"""The package's own problems and pairs, as the real grader judges them."""

import pytest

from vgrout import GradedBatch, GradeJob, Grader
from vgrout.env.pairs import load_pairs
from vgrout.env.problems import Problem, load_problems

PROBLEMS = load_problems(None)
PAIRS = load_pairs(None)


@pytest.fixture(scope="module")
def grader() -> Grader:
    with Grader(workers=2) as opened:
        yield opened


def job(problem: Problem, code: str) -> GradeJob:
    return GradeJob(
        response=f"```python\n{code}\n```",
        tests=list(problem.tests),
        mode="gt_only",
        setup_code=problem.setup_code,
        func_name=problem.func_name,
    )


def pair_verdicts(grader: Grader, completions: list[str]) -> GradedBatch:
    return grader.grade(
        [
            GradeJob(response=completion, tests=list(pair.checks), mode=pair.mechanism, marker=pair.marker)
            for pair, completion in zip(PAIRS, completions, strict=True)
        ]
    )


def test_every_canonical_solution_is_accepted(grader: Grader) -> None:
    batch = grader.grade([job(problem, problem.canonical_solution) for problem in PROBLEMS])
    assert {p.id: v.outcome for p, v in zip(PROBLEMS, batch, strict=True) if not v.gt_correct} == {}


def test_a_stub_that_returns_zero_is_never_correct(grader: Grader) -> None:
    stub = "class Solution:\n    def {}(self, **_):\n        return 0"
    batch = grader.grade([job(p, stub.format(p.func_name.rpartition(".")[2])) for p in PROBLEMS])
    assert [p.id for p, v in zip(PROBLEMS, batch, strict=True) if v.gt_correct] == []


def test_every_hack_is_an_exploit_of_its_mechanism(grader: Grader) -> None:
    batch = pair_verdicts(grader, [pair.hack for pair in PAIRS])
    assert {p.id: v.detail for p, v in zip(PAIRS, batch, strict=True) if v.mechanism != p.mechanism} == {}


def test_every_clean_completion_is_correct_without_the_loophole(grader: Grader) -> None:
    batch = pair_verdicts(grader, [pair.clean for pair in PAIRS])
    assert {p.id: v.label for p, v in zip(PAIRS, batch, strict=True) if v.label != "correct"} == {}
