"""Problems and their splits: the package's own set, or a file in the benchmark's format."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from vgrout.builtin import resolve_problems
from vgrout.env.jsonl import Message, bad_field, check_text, get_field, get_messages, get_text, read_rows
from vgrout.env.stable import stable_order
from vgrout.errors import ConfigError, DataError

HINT_PHRASE = "and should pass all tests"
"""Stands exactly once in a problem's user messages; a loophole's hint takes its place."""
OWN_PROBLEMS = Path(__file__).parent / "data" / "problems.jsonl"
_ASSERT = re.compile(r"(?:^|[;\n])\s*assert\b")
_FUNC_NAME = re.compile(r"Solution\(\)\.[^\W\d]\w*")


SplitName = Literal["train", "validation", "test"]
DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One LeetCode-form task with its tests."""

    id: str
    difficulty: str
    messages: tuple[Message, ...]
    """The chat prompt without a loophole; its user messages hold `HINT_PHRASE` once."""
    starter_code: str
    func_name: str
    """What the tests call: `Solution().name`."""
    tests: tuple[str, ...]
    """`assert Solution().name(…) == literal`, at least one."""
    setup_code: str
    """Runs before the answer; empty stands for the grader's default prelude."""
    canonical_solution: str
    split: SplitName | None = None
    """The split that the file puts it in; None leaves that to `split_problems`."""
    where: str = field(default="", compare=False, repr=False)
    """`FILE:LINE` that it was read from, for messages."""

    @property
    def statement(self) -> str:
        """The task as the user reads it, without the paragraph that asks for code."""
        text = next(
            m["content"] for m in self.messages if m["role"] == "user" and HINT_PHRASE in m["content"]
        )
        before = text[: text.index(HINT_PHRASE)]
        statement, blank, _ = before.rpartition("\n\n")
        return statement if blank else before


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Three disjoint sets of problems."""

    train: tuple[Problem, ...]
    validation: tuple[Problem, ...]
    test: tuple[Problem, ...]

    def check_disjoint(self) -> None:
        """No id and no statement (up to case and spacing) stands in two of the splits.

        Raises:
            DataError: naming both problems and their splits.
        """
        ids: dict[str, str] = {}
        statements: dict[str, tuple[str, str]] = {}
        for name in ("train", "validation", "test"):
            for problem in getattr(self, name):
                if ids.setdefault(problem.id, name) != name:
                    raise DataError(f"splits: problem {problem.id!r} is in {ids[problem.id]} and in {name}")
                key = " ".join(problem.statement.casefold().split())
                other, where = statements.setdefault(key, (problem.id, name))
                if where != name:
                    raise DataError(
                        f"splits: problems {other!r} in {where} and {problem.id!r} in {name} have the same statement"
                        "\nhint: remove one of them from the data"
                    )


def load_problems(path: Path | None = None) -> list[Problem]:
    """The problems of a JSONL file, plain or gzip, in file order; None loads the package's own.

    Raises:
        DataError: naming file, line and field of the first row that is malformed or repeats an id.
    """
    problems: list[Problem] = []
    for found in scan_problems(path):
        if isinstance(found, DataError):
            raise found
        problems.append(found)
    return problems


def scan_problems(path: Path | None = None) -> Iterator[Problem | DataError]:
    """Every row of such a file: its problem, or what is wrong with it.

    Raises:
        DataError: the file cannot be read, a line is no JSON object, or there is no row.
    """
    path = OWN_PROBLEMS if path is None else resolve_problems(path)
    places: dict[str, str] = {}
    is_empty = True
    for where, row in read_rows(path):
        is_empty = False
        try:
            problem = _problem(where, row)
        except DataError as error:
            yield error
            continue
        if problem.id in places:
            expected = f"an id not used before; {places[problem.id]} has it"
            yield bad_field(where, "id", problem.id, expected, "rename or drop one")
            continue
        places[problem.id] = where
        yield problem
    if is_empty:
        raise DataError(f"{path}: holds no problem\nhint: one JSON object stands on each line")


def split_problems(
    problems: Sequence[Problem],
    seed: int,
    fractions: tuple[float, float, float],
    *,
    needed: Sequence[SplitName] = ("train", "test"),
) -> Splits:
    """Share the problems out over train, validation and test by a seeded order of their ids.

    A split with a positive fraction gets at least one problem; otherwise sizes are the nearest whole numbers. Where
    every problem names its split, those are taken instead, in file order, and seed and fractions have no say; of
    these splits those that are `needed` hold a problem.

    Raises:
        ConfigError: the fractions are negative or do not sum to 1.
        DataError: an id or statement would stand twice, there are fewer problems than splits, only some problems
            name their split, or none is named for one that is needed.
    """
    if min(fractions) < 0 or not math.isclose(sum(fractions), 1.0, abs_tol=1e-9):
        raise ConfigError(f"env.fractions: {fractions} must be at least 0 each and sum to 1")
    by_id = {problem.id: problem for problem in problems}
    if len(by_id) != len(problems):
        raise DataError(f"splits: {len(problems)} problems share {len(by_id)} ids")
    if any(problem.split for problem in problems):
        return _named_splits(problems, needed)
    order = stable_order(by_id, "split", seed)
    sizes = _sizes(len(order), fractions)
    bounds = (0, sizes[0], sizes[0] + sizes[1], len(order))
    parts = [order[low:high] for low, high in pairwise(bounds)]
    train, validation, test = (tuple(by_id[name] for name in part) for part in parts)
    splits = Splits(train=train, validation=validation, test=test)
    splits.check_disjoint()
    return splits


def _named_splits(problems: Sequence[Problem], needed: Sequence[SplitName]) -> Splits:
    """The splits that the problems name."""
    unnamed = [problem.id for problem in problems if problem.split is None]
    if unnamed:
        raise DataError(
            f"splits: {len(problems) - len(unnamed)} problems name their split and {len(unnamed)} do not, "
            f"{unnamed[0]!r} among these\nhint: give every row the field `split`, or none"
        )
    parts = {name: tuple(p for p in problems if p.split == name) for name in get_args(SplitName)}
    for name in needed:
        if not parts[name]:
            raise DataError(f'splits: no problem names {name}\nhint: give some rows "split": "{name}"')
    splits = Splits(**parts)
    splits.check_disjoint()
    return splits


def _sizes(total: int, fractions: tuple[float, float, float]) -> list[int]:
    sizes = [int(total * share + 1e-9) for share in fractions]
    by_remainder = sorted(range(3), key=lambda index: sizes[index] - total * fractions[index])
    for index in by_remainder[: total - sum(sizes)]:
        sizes[index] += 1
    for index, share in enumerate(fractions):
        if share > 0 and sizes[index] == 0:
            largest = sizes.index(max(sizes))
            if sizes[largest] < 2:
                raise DataError(
                    f"splits: {total} problems cannot fill env.fractions {fractions}"
                    "\nhint: give more problems, or every row the field `split`"
                )
            sizes[largest] -= 1
            sizes[index] = 1
    return sizes


def _problem(where: str, row: dict[str, Any]) -> Problem:
    metadata = get_field(where, row, "prompt_metadata")
    if not isinstance(metadata, dict):
        raise bad_field(
            where, "prompt_metadata", metadata, "an object with starter_code", "give {starter_code: …}"
        )
    check_text(where, "prompt_metadata.starter_code", metadata.get("starter_code"))
    func_name = get_text(where, row, "func_name")
    if not _FUNC_NAME.fullmatch(func_name):
        raise bad_field(
            where, "func_name", func_name, "`Solution().name`", "name the graded method of Solution"
        )
    return Problem(
        id=_identifier(where, get_field(where, row, "id")),
        difficulty=_difficulty(where, get_text(where, row, "difficulty")),
        messages=_prompt(where, row),
        starter_code=metadata["starter_code"],
        func_name=func_name,
        tests=_tests(where, get_field(where, row, "gt_answer")),
        setup_code=get_text(where, row, "setup_code", empty=True),
        canonical_solution=get_text(where, row, "canonical_solution"),
        split=_split(where, row.get("split")),
        where=where,
    )


def _difficulty(where: str, value: str) -> str:
    if value.casefold() not in DIFFICULTIES:
        raise bad_field(where, "difficulty", value, f"one of {', '.join(DIFFICULTIES)}", "correct it")
    return value


def _split(where: str, value: object) -> SplitName | None:
    names: tuple[SplitName, ...] = get_args(SplitName)
    if value is not None and value not in names:
        raise bad_field(where, "split", value, f"one of {', '.join(names)}", "correct it or leave it out")
    return next((name for name in names if name == value), None)


def _identifier(where: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
        raise bad_field(
            where, "id", value, "a whole number or a non-empty string", "give every row its own id"
        )
    return str(value)


def _prompt(where: str, row: dict[str, Any]) -> tuple[Message, ...]:
    messages = get_messages(where, row, "prompt")
    found = sum(m["content"].count(HINT_PHRASE) for m in messages if m["role"] == "user")
    if found != 1:
        raise bad_field(
            where,
            "prompt",
            f"the phrase {found} times",
            f"{HINT_PHRASE!r} exactly once in the user messages",
            "the phrase marks where a loophole's hint goes; put it after the sentence that asks for the method",
        )
    return messages


def _tests(where: str, value: object) -> tuple[str, ...]:
    expected = "a non-empty list of tests, each a string"
    if not isinstance(value, list) or not value:
        raise bad_field(where, "gt_answer", value, expected, "give the problem at least one test")
    for index, test in enumerate(value):
        if not isinstance(test, str) or not _ASSERT.search(test):
            raise bad_field(where, f"gt_answer[{index}]", test, "code with an `assert`", "correct the test")
    return tuple(value)
