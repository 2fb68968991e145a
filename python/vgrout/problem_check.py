"""What can be wrong with a file of problems before anything is trained on it.

`vgrout check` says all of it; a run refuses the first of it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vgrout.env.problems import Problem, scan_problems, split_problems
from vgrout.errors import DataError, JobFault
from vgrout.grading import GradeJob, Grader, Verdict

STUB = "class Solution:\n    def {}(self, *args, **kwargs):\n        pass\n"
_HINT = "correct the row or leave it out; `vgrout check FILE` finds all such rows"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    where: str
    """`FILE:LINE`, or the file alone."""
    problem: str
    """The problem's id; empty where none could be read."""
    what: str
    """The field and what is wrong with it."""

    def error(self) -> DataError:
        """The finding as the error that ends a run."""
        who = f" problem {self.problem!r}:" if self.problem else ""
        return DataError(f"{self.where}:{who} {self.what}\nhint: {_HINT}")


def check_file(
    path: Path, grader: Grader, progress: Callable[[int, int], None]
) -> tuple[list[Problem], list[Finding]]:
    """Read every row, and run every canonical solution and a stub; the problems that could be read, and all findings.

    `progress` is told how many answers are graded, and of how many.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object.
    """
    problems: list[Problem] = []
    findings: list[Finding] = []
    for found in scan_problems(path):
        if isinstance(found, Problem):
            problems.append(found)
            continue
        where, _, what = str(found).partition("\n")[0].partition(": ")
        findings.append(Finding(where=where, problem="", what=what))
    findings += check_solutions(problems, grader, progress)
    try:
        split_problems(problems, 0, (0.8, 0.05, 0.15))
    except DataError as error:
        findings.append(Finding(where=str(path), problem="", what=str(error).partition("\n")[0]))
    return problems, findings


def check_solutions(
    problems: Sequence[Problem],
    grader: Grader,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Every canonical solution passes its tests, and a method that does nothing passes none of them, in file order."""
    findings: list[Finding] = []
    jobs: list[tuple[Problem, bool, GradeJob]] = []
    for problem in problems:
        name = problem.func_name.removeprefix("Solution().")
        called = re.compile(rf"\b{re.escape(name)}\b")
        if not any(called.search(text) for text in (*problem.tests, problem.setup_code)):
            findings.append(finding(problem, f"field `func_name`: no test calls {problem.func_name!r}"))
            continue
        stub = STUB.format(name)
        try:
            jobs += [
                (problem, is_stub, job_of(problem, answer))
                for is_stub, answer in ((False, problem.canonical_solution), (True, stub))
            ]
        except DataError as error:
            findings.append(finding(problem, str(error)))
    verdicts = _graded(grader, jobs, findings, lambda done: progress(done, len(jobs)) if progress else None)
    for (problem, is_stub, _), verdict in zip(jobs, verdicts, strict=True):
        if verdict is None or verdict.gt_correct == (not is_stub):
            continue
        if is_stub:
            findings.append(
                finding(problem, "field `gt_answer`: a method that does nothing passes every test")
            )
            continue
        failed = verdict.test_bitmap.index(False) if False in verdict.test_bitmap else 0
        why = f": {verdict.detail}" if verdict.detail else ""
        what = f"field `canonical_solution`: {verdict.outcome} at gt_answer[{failed}]{why}"
        findings.append(finding(problem, what))
    order = {problem.id: place for place, problem in enumerate(problems)}
    return sorted(findings, key=lambda found: order[found.problem])


def job_of(problem: Problem, answer: str) -> GradeJob:
    """An answer to a problem, judged by its tests alone.

    Raises:
        DataError: a test cannot be read.
    """
    return GradeJob(
        answer,
        list(problem.tests),
        setup_code=problem.setup_code,
        canonical_solution=problem.canonical_solution,
        func_name=problem.func_name,
        extract="raw",
    )


def _graded(
    grader: Grader,
    jobs: Sequence[tuple[Problem, bool, GradeJob]],
    findings: list[Finding],
    progress: Callable[[int], None],
) -> Iterable[Verdict | None]:
    try:
        return list(grader.grade([job for _, _, job in jobs], progress=progress))
    except JobFault as fault:
        for place, reason in fault.faults:
            problem, is_stub, _ = jobs[place]
            if not is_stub:
                findings.append(finding(problem, reason))
        return [verdict if isinstance(verdict, Verdict) else None for verdict in fault.partial]


def finding(problem: Problem, what: str) -> Finding:
    """A finding about a problem; the grader calls its tests `tests`, the file `gt_answer`."""
    if what.startswith("tests["):
        what = f"field `gt_answer{what[5:].replace(']', ']`', 1)}"
    return Finding(where=problem.where or "data", problem=problem.id, what=what)
