"""The rows that `vgrout grade` reads: problems with their tests, and answers to them.

A problem is a row of the benchmark's format; read are `id`, `gt_answer` (the tests) and, where present, `func_name`,
`entry_point`, `setup_code` and `canonical_solution`. Or it is a row of HumanEval's: `task_id`, `prompt` (the beginning
of a program), `test` (a function `check(candidate)`), `entry_point` and `canonical_solution` (the end of the program).

An answer has `problem_id` (or `task_id`) and the model's text in `response` (or `completion`); it may have an `id` of
its own (otherwise it is called after its line: `line-17`), and `mode` and `marker` in place of the command's. To a
prompt that begins a program, a text without a code fence is its continuation.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vgrout.answer_files.lines import read_lines
from vgrout.config import Extract
from vgrout.env.jsonl import bad_field, get_field, get_text
from vgrout.env.modes import get_mode
from vgrout.env.toothless import refuse_toothless
from vgrout.errors import DataError
from vgrout.grading import GradeJob

RESPONSE = ("response", "completion")
PROBLEM = ("problem_id", "task_id")
_OPTIONAL = ("func_name", "entry_point", "setup_code", "canonical_solution")
_FENCES = ("```", "~~~")


@dataclass(frozen=True, kw_only=True)
class GradingDefaults:
    """What holds for answers that do not say otherwise, and for all of them."""

    problems: Path | None = None
    """Where the problems stand; None is the package's own."""
    mode: str
    """Grading mode of an answer without its own."""
    marker: str | None = None
    """Marker of an answer in `mode` without its own; None is the mode's training marker."""
    want_gt_pass: bool = False
    """Also make the plain, foolable assert run."""
    extract: Extract = "joined"
    """How code is taken from an answer."""
    run_main: bool = True
    """Run what stands under `if __name__ == "__main__":` as well."""
    settings: tuple[object, ...] = ()
    """What else decides over a verdict or its row: limits, whether output is kept."""


@dataclass(frozen=True, kw_only=True)
class GradingProblem:
    """What a problem adds to a job."""

    fields: Mapping[str, Any]
    """Arguments of `GradeJob`."""
    begun: str = ""
    """The beginning of the program that answers go on with."""

    @property
    def digest(self) -> str:
        """Of all of it."""
        return _digest([self.fields, self.begun] if self.begun else self.fields)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One answer, ready to be graded."""

    id: str | int
    """As in the file."""
    problem_id: str | int
    """As in the file."""
    mode: str
    """The mode it is graded in."""
    marker: str | None
    """The marker that pays; None is the mode's training marker."""
    digest: str
    """Of all that is graded and how: answer, tests, mode, marker and the command's settings."""
    job: GradeJob
    """For the grader."""

    @property
    def key(self) -> str:
        """The id as text: `1` and `"1"` are the same answer."""
        return str(self.id)


def read_problems(path: Path) -> tuple[dict[str, GradingProblem], list[DataError]]:
    """The problems by id, and what is wrong with the other lines.

    Raises:
        DataError: the file cannot be opened.
    """
    problems: dict[str, GradingProblem] = {}
    errors = []
    for number, row in read_lines(path):
        try:
            name, problem = _problem(f"{path}:{number}", row)
            if name in problems:
                raise bad_field(f"{path}:{number}", "id", name, "an id not used before", "rename or drop one")
            problems[name] = problem
        except DataError as error:
            errors.append(error)
    return problems, errors


def _problem(where: str, row: dict[str, Any] | DataError) -> tuple[str, GradingProblem]:
    if isinstance(row, DataError):
        raise row
    if "gt_answer" not in row and "entry_point" in row:
        return _begun_program(where, row)
    tests = get_field(where, row, "gt_answer")
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise bad_field(where, "gt_answer", tests, "a list of `assert` strings", "correct the row")
    fields: dict[str, Any] = {"tests": tests}
    for name in _OPTIONAL:
        fields[name] = _optional_text(where, row, name) or ""
    _check_job(where, fields, "gt_answer")
    for name in ("setup_code", "canonical_solution"):
        _check_compiles(where, name, fields[name])
    return str(_identifier(where, row, "id")), GradingProblem(fields=fields)


def _begun_program(where: str, row: dict[str, Any]) -> tuple[str, GradingProblem]:
    """A row of HumanEval's form: tests may use what the prompt defines beside the function that is asked for."""
    prompt, test, name = (get_text(where, row, field) for field in ("prompt", "test", "entry_point"))
    fields = {
        "tests": [test],
        "entry_point": name,
        "setup_code": prompt,
        "canonical_solution": prompt + (_optional_text(where, row, "canonical_solution") or ""),
    }
    _check_job(where, fields, "test")
    _check_compiles(where, "prompt", prompt)
    return str(_identifier(where, row, "task_id")), GradingProblem(fields=fields, begun=prompt)


def _check_job(where: str, fields: Mapping[str, Any], tests: str) -> None:
    try:
        GradeJob("", **fields)
        names = {name: fields.get(name, "") for name in ("func_name", "entry_point")}
        refuse_toothless(fields["tests"], **names)
    except ValueError as error:
        # The job calls them tests.
        raise DataError(f"{where}: {re.sub('^tests', tests, str(error))}") from error


def read_submissions(
    path: Path, problems: Mapping[str, GradingProblem], defaults: GradingDefaults
) -> Iterator[Submission | DataError]:
    """Every answer of the file in order, or what is wrong with its line.

    Raises:
        DataError: the file cannot be opened.
    """
    seen: dict[str, int] = {}
    for number, row in read_lines(path):
        where = f"{path}:{number}"
        try:
            answer = _submission(where, number, row, problems, defaults)
            first = seen.setdefault(answer.key, number)
            if first != number:
                raise bad_field(
                    where, "id", answer.id, f"an id not used before; line {first} has it", "rename one"
                )
        except DataError as error:
            yield error
        else:
            yield answer


def _submission(
    where: str,
    number: int,
    row: dict[str, Any] | DataError,
    problems: Mapping[str, GradingProblem],
    defaults: GradingDefaults,
) -> Submission:
    if isinstance(row, DataError):
        raise row
    name = next((name for name in PROBLEM if name in row), PROBLEM[0])
    problem_id = _identifier(where, row, name)
    problem = problems.get(str(problem_id))
    if problem is None:
        known = defaults.problems
        hint = f"add its problem to {known}" if known else "give its problem by `--problems`"
        raise bad_field(where, name, problem_id, "the id of a problem", hint)
    field = next((name for name in RESPONSE if name in row), RESPONSE[0])
    # Not `get_text`: an answer may be empty, or hold what is no UTF-8; that is for the grader to judge.
    response = get_field(where, row, field)
    if not isinstance(response, str):
        raise bad_field(where, field, response, "the model's answer as a string", "write it as a JSON string")
    mode = _optional_text(where, row, "mode") or defaults.mode
    marker = _optional_text(where, row, "marker") or (defaults.marker if mode == defaults.mode else None)
    continues = problem.begun and not any(fence in response for fence in _FENCES)
    try:
        get_mode(mode)
        job = GradeJob(
            problem.begun + response if continues else response,
            mode=mode,
            marker=marker,
            want_gt_pass=defaults.want_gt_pass,
            extract="raw" if continues else defaults.extract,
            run_main=defaults.run_main,
            **problem.fields,
        )
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    return Submission(
        id=_identifier(where, row, "id") if "id" in row else f"line-{number}",
        problem_id=problem_id,
        mode=mode,
        marker=marker,
        digest=_digest([response, mode, marker, problem.digest, *_deciding(defaults)]),
        job=job,
    )


def _deciding(defaults: GradingDefaults) -> tuple[object, ...]:
    """What decides over a verdict or its row beside the job's own fields."""
    return defaults.want_gt_pass, defaults.extract, defaults.run_main, defaults.settings


def _check_compiles(where: str, field: str, code: str) -> None:
    try:
        compile(code, f"<{field}>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise bad_field(where, field, str(error), "Python code", "correct the row") from error


def _identifier(where: str, row: Mapping[str, Any], field: str) -> str | int:
    value = get_field(where, row, field)
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
        raise bad_field(where, field, value, "a whole number or a non-empty string", "correct the row")
    return value


def _optional_text(where: str, row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise bad_field(where, field, value, "a string or null", "correct the row")
    return value


def _digest(parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
