"""From what a trainer hands over (chat messages, dataset fields) to a `GradeJob`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from vgrout.env.toothless import refuse_toothless
from vgrout.errors import DataError
from vgrout.grading import GradeJob, Verdict
from vgrout.integrations.config import RewardConfig

TESTS = ("tests", "gt_answer")
"""Names of the field with the tests: ours, then the benchmark's."""
FIELDS = (*TESTS, "mode", "marker", "setup_code", "func_name", "entry_point", "canonical_solution")
"""Fields of a row that grading reads; every other one is passed over."""


def build_job(config: RewardConfig, response: str, fields: Mapping[str, Any], where: str) -> GradeJob:
    """The job of one response and its row's fields; absent, None and empty fields take the config's value.

    Raises:
        DataError: no tests, a field of the wrong type, or a job that the grader refuses; `where` stands first.
    """
    tests = next((fields[name] for name in TESTS if fields.get(name) is not None), None)
    if tests is None:
        raise DataError(f"{where}: field `tests`: missing\nhint: give each row a list of `assert` lines")
    mode = _text(fields, "mode", where) or config.mode
    try:
        tests = tests_of(tests, where)
        func_name = _text(fields, "func_name", where) or ""
        entry_point = _text(fields, "entry_point", where) or ""
        refuse_toothless(tests, func_name=func_name, entry_point=entry_point)
        return GradeJob(
            response,
            tests,
            mode=mode,
            setup_code=_text(fields, "setup_code", where) or config.setup_code,
            canonical_solution=_text(fields, "canonical_solution", where) or "",
            func_name=func_name,
            entry_point=entry_point,
            # The config's marker belongs to the config's mode.
            marker=_text(fields, "marker", where) or (config.marker if mode == config.mode else None),
            extract=config.extract,
            run_main=config.run_main,
        )
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error


def _text(fields: Mapping[str, Any], name: str, where: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{where}: field `{name}`: found a {type(value).__name__}, expected a string")
    return value


def tests_of(value: object, where: str) -> list[str]:
    """A list of test strings, from a list, tuple or array of strings, a JSON list, or one string of asserts."""
    if isinstance(value, str):
        parsed = _json(value)
        value = parsed if isinstance(parsed, list) else [value]
    tests = list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(test, str) for test in tests):
        raise DataError(f"{where}: field `tests`: expected strings, each with an `assert`")
    return [str(test) for test in tests]


def truth_fields(truth: object) -> dict[str, Any]:
    """The fields in a trainer's one ground-truth value: a mapping of them, its JSON, or the tests alone."""
    if isinstance(truth, str):
        parsed = _json(truth)
        if isinstance(parsed, dict):
            truth = parsed
        elif not truth.strip():
            truth = None
    if isinstance(truth, Mapping):
        return {name: truth[name] for name in FIELDS if name in truth}
    return {} if truth is None else {"tests": truth}


def _json(text: str) -> object:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def message_text(message: object) -> str | None:
    """The text of a chat message, a mapping or an object; None where it is not the assistant's or has none."""
    role, content = (
        message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)
        for name in ("role", "content")
    )
    if role not in {"assistant", None}:
        return None
    if isinstance(content, str):
        return content
    if not isinstance(content, Iterable):
        return None
    # Content blocks of a multimodal chat.
    blocks = [block.get("text") for block in content if isinstance(block, Mapping)]
    return "".join(text for text in blocks if isinstance(text, str))


def completion_text(completion: object, where: str) -> str:
    """A completion as text: itself, or the assistant's last message where it is a list of messages."""
    if isinstance(completion, str):
        return completion
    if not isinstance(completion, Iterable) or isinstance(completion, Mapping):
        raise DataError(f"{where}: found a {type(completion).__name__}, expected text or a list of messages")
    texts = [text for message in completion if (text := message_text(message)) is not None]
    return texts[-1] if texts else ""


def diagnostics(verdict: Verdict) -> dict[str, float]:
    """Flat numbers for a trainer's log, the same names for every verdict."""
    return {
        "passed": float(verdict.passed),
        "gt_correct": float(verdict.gt_correct),
        "exploited": float(verdict.exploited),
        "format_ok": float(verdict.format_ok),
        "can_compile": float(verdict.can_compile),
        "tests_passed_share": verdict.tests_passed / max(1, verdict.tests_total),
        "cpu_ms": verdict.cpu_ms,
    }
