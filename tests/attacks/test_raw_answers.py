"""Answers that are hostile as text, before any of it runs; the batch around them is graded."""

from collections.abc import Callable, Iterator

import pytest

from vgrout import GradeJob, Grader, Limits

TESTS = ["assert Solution().add(a=1, b=2) == 3", "assert Solution().add(a=2, b=2) == 4"]
RIGHT = "class Solution:\n    def add(self, a, b):\n        return a + b\n"
COMPILER = {"compile_error", "runtime_error", "mle", "killed", "tle_cpu"}


def fenced(code: str, label: str = "python") -> str:
    return f"```{label}\n{code}\n```"


ANSWERS: dict[str, tuple[Callable[[], str], set[str]]] = {
    "empty": (lambda: "", {"no_code"}),
    "no block": (lambda: RIGHT, {"no_code"}),
    "only an opening fence": (lambda: "```", {"no_code", "protocol_error", "wrong_answer", "runtime_error"}),
    "another language": (lambda: fenced(RIGHT, "rust"), {"no_code"}),
    "fences by the hundred thousand": (
        lambda: "```\n" * 200_001,
        {"no_code", "runtime_error", "wrong_answer"},
    ),
    "an unclosed block": (lambda: "```python\n" + RIGHT, {"accepted"}),
    "two blocks joined": (
        lambda: fenced("class Solution:") + "\ntext\n" + fenced(RIGHT.split("\n", 1)[1]),
        {"accepted"},
    ),
    "carriage returns": (lambda: fenced(RIGHT).replace("\n", "\r\n"), {"accepted"}),
    "a NUL byte": (lambda: fenced(RIGHT + "\x00"), {"compile_error"}),
    "a NUL byte in a comment": (lambda: fenced("# \x00\n" + RIGHT), {"compile_error"}),
    "a lone surrogate": (lambda: fenced(f"# \ud800\n{RIGHT}"), {"compile_error", "accepted"}),
    "a lone surrogate in a string": (lambda: fenced(f"x = '\udfff'\n{RIGHT}"), {"compile_error", "accepted"}),
    "50 MB of comment": (
        lambda: fenced("#" * 50_000_000 + "\n" + RIGHT),
        {"accepted", "mle", "tle_cpu", "compile_error"},
    ),
    "50 MB of chat": (lambda: "word " * 10_000_000 + "\n" + fenced(RIGHT), {"accepted"}),
    "a million lines": (lambda: fenced("x = 1\n" * 1_000_000), COMPILER),
    "brackets without end": (lambda: fenced("(" * 200_000), COMPILER),
    "nested lists": (lambda: fenced("x = " + "[" * 5000 + "]" * 5000), COMPILER),
    "operators without end": (lambda: fenced("x = " + "-" * 200_000 + "1"), COMPILER),
    "a sum without end": (
        lambda: fenced("x = " + "+".join(["1"] * 100_000) + "\n" + RIGHT),
        COMPILER | {"accepted"},
    ),
    "nested blocks": (lambda: fenced("".join(" " * k + "if 1:\n" for k in range(150))), COMPILER),
    "constants folded": (lambda: fenced("x = ((((('a' * 4000) * 4000) * 4000) * 4000) * 4000)"), COMPILER),
    "powers folded": (lambda: fenced("x = 9 ** 9 ** 9"), COMPILER),
    "a long int literal": (lambda: fenced("x = " + "9" * 1_000_000), COMPILER),
    "a long hex literal": (
        lambda: fenced("x = 0x" + "f" * 4_000_000 + "\n" + RIGHT),
        COMPILER | {"accepted"},
    ),
    "another source encoding": (
        lambda: fenced("# -*- coding: utf-7 -*-\n" + RIGHT),
        {"accepted", "compile_error"},
    ),
    "no source encoding": (
        lambda: fenced("# -*- coding: nonsense -*-\n" + RIGHT),
        {"accepted", "compile_error"},
    ),
    "right-to-left override": (lambda: fenced("# \u202e\n" + RIGHT), {"accepted"}),
    "names that normalise": (
        lambda: fenced(RIGHT.replace("add", "\uff41dd")),
        {"accepted"},
    ),  # NFKC: a full-width a
    "an annotation that never ends": (lambda: fenced("x: (yield) = 1\n" + RIGHT), COMPILER),
    "bytes as text": (lambda: fenced(repr(bytes(range(256)))), COMPILER),
    "an f-string nest": (lambda: fenced("f'" + "{" * 200 + "}" * 200 + "'"), COMPILER),
    "a warning a line": (lambda: fenced("x = 1 is 1\n" * 2000 + RIGHT), {"accepted"}),
    "return outside": (lambda: fenced(RIGHT + "\nreturn 3"), {"compile_error"}),
    "await outside": (lambda: fenced(RIGHT + "\nawait 3"), {"compile_error"}),
}


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2, limits=Limits(cpu_s=1.5, wall_s=20, memory_bytes=256 << 20)) as running:
        yield running


def test_hostile_text_gets_a_verdict_and_loses_nobody_else(grader: Grader) -> None:
    jobs = []
    for make, _ in ANSWERS.values():
        jobs += [GradeJob(make(), TESTS, mode="gt_only"), GradeJob(fenced(RIGHT), TESTS, mode="gt_only")]
    batch = grader.grade(jobs)
    assert [verdict.outcome for verdict in batch[1::2]] == ["accepted"] * len(ANSWERS)
    got = {name: verdict for name, verdict in zip(ANSWERS, batch[::2], strict=True)}
    unexpected = {
        name: (verdict.outcome, (verdict.detail or "")[:100])
        for name, verdict in got.items()
        if verdict.outcome not in ANSWERS[name][1]
    }
    assert unexpected == {}
    for name, verdict in got.items():
        assert verdict.gt_correct == (verdict.outcome == "accepted"), name
        assert verdict.reward == (3.5 if verdict.gt_correct else 0.5 if verdict.can_compile else 0.0), name
        assert verdict.format_ok == (verdict.outcome != "no_code"), name


def test_can_compile_is_what_the_compiler_says(grader: Grader) -> None:
    small = [name for name, (make, _) in ANSWERS.items() if len(make()) < 10_000 and "```python" in make()]
    batch = grader.grade([GradeJob(ANSWERS[name][0](), TESTS, mode="gt_only") for name in small])
    disagreements = []
    for name, verdict in zip(small, batch, strict=True):
        text = ANSWERS[name][0]().replace("\r\n", "\n")
        code = "\n\n".join(part.partition("```")[0] for part in text.split("```python\n")[1:])
        try:
            compile(code, "<answer>", "exec", dont_inherit=True)
            compiles = True
        except (SyntaxError, ValueError, MemoryError, OverflowError, RecursionError):
            compiles = False
        except SyntaxWarning:
            compiles = True
        if verdict.can_compile is not compiles and verdict.outcome not in {"killed", "tle_cpu", "mle"}:
            disagreements.append((name, verdict.outcome, compiles))
    assert disagreements == []


def test_hundred_thousand_tests_get_a_verdict(grader: Grader) -> None:
    tests = [f"assert Solution().add(a={k}, b=1) == {k + 1}" for k in range(100_000)]
    wrong_at_the_end = [*tests[:-1], "assert Solution().add(a=1, b=1) == 3"]
    with Grader(workers=2, limits=Limits(cpu_s=20.0)) as patient:
        right, wrong = patient.grade(
            [
                GradeJob(fenced(RIGHT), tests, mode="gt_only"),
                GradeJob(fenced(RIGHT), wrong_at_the_end, mode="gt_only"),
            ]
        )
    assert (right.outcome, right.tests_passed) == ("accepted", 100_000)
    assert (wrong.outcome, wrong.tests_passed) == ("wrong_answer", 99_999)
