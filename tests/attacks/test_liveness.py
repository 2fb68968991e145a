"""The suites can fail: attacks succeed where there is no fence, and a wrong program is noticed inside it."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_suite import MODES, Program, complaints, read_suite, verdict_facts

from vgrout import GradeJob, Grader
from vgrout._native import DEFAULT_PRELUDE

# The obvious grader: the answer and its asserts in one script, judged by the exit status.
OBVIOUS = """
import sys
TESTS = {tests!r}
exec(compile({prelude!r}, "<setup>", "exec", dont_inherit=True), globals())
exec(compile({source!r}, "<answer>", "exec", dont_inherit=True), globals())
for TEST in TESTS:
    exec(TEST, globals())
"""
ATTACKS = read_suite("attacks")
LIVE = [program for program in ATTACKS if program.live]
BENIGN = read_suite("benign")
FAKES = {
    "a correct answer among the attacks": (
        "attacks",
        "class Solution:\n    def add(self, a, b):\n        return a + b\n",
    ),
    "a wrong answer among the benign": (
        "benign",
        "class Solution:\n    def add(self, a, b):\n        return a - b\n",
    ),
    "a crash among the benign": ("benign", "class Solution:\n    pass\n"),
    "a loop among the benign": (
        "benign",
        "class Solution:\n    def add(self, a, b):\n        while True: pass\n",
    ),
    "an answer that is not refused": (
        "refused",
        "class Solution:\n    def add(self, a, b):\n        return a + b\n",
    ),
    "a hack that pays": (
        "attacks",
        "class Solution:\n    valid = True\n    def add(self, a, b):\n        return 0\n",
    ),
}


def obviously_passes(program: Program, folder: Path) -> bool:
    script = folder / "answer.py"
    script.write_text(
        OBVIOUS.format(tests=list(program.tests), prelude=DEFAULT_PRELUDE, source=program.source),
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode == 0


@pytest.mark.parametrize("program", LIVE, ids=lambda program: program.name)
def test_attack_works_on_the_obvious_grader(program: Program, tmp_path: Path) -> None:
    assert obviously_passes(program, tmp_path)


def test_many_attacks_are_proved_live() -> None:
    assert len(LIVE) >= 20


@pytest.mark.parametrize("program", BENIGN, ids=lambda program: program.name)
def test_benign_program_is_correct_in_a_plain_interpreter(program: Program, tmp_path: Path) -> None:
    assert obviously_passes(program, tmp_path)


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2) as running:
        yield running


def test_suites_notice_programs_that_do_not_belong(grader: Grader) -> None:
    first = ATTACKS[0]
    for what, (suite, source) in FAKES.items():
        outcomes = {"attacks": "wrong_answer", "benign": "accepted", "refused": "runtime_error"}
        fake = dataclasses.replace(
            first,
            suite=suite,
            source=source,
            modes=("sentinel",),
            outcomes={"sentinel": frozenset({outcomes[suite]})},
            pays=frozenset(),
            prints=None,
        )
        verdict = grader.grade([GradeJob(fake.response, list(fake.tests), mode="sentinel")])[0]
        found = list(complaints(fake, "sentinel", verdict_facts(verdict), verdict.detail or "", ""))
        assert found, what


def test_changed_tests_fail_benign_programs(grader: Grader) -> None:
    jobs, names = [], []
    for program in BENIGN:
        direct = [test for test in program.tests if test.startswith("assert Solution().") and " == " in test]
        if direct:
            call = direct[0].partition(" == ")[0]
            jobs.append(GradeJob(program.response, [f"{call} == 'no answer gives this'"], mode="gt_only"))
            names.append(program.name)
    assert len(jobs) > 50
    batch = grader.grade(jobs)
    assert {
        name for name, verdict in zip(names, batch, strict=True) if verdict.outcome != "wrong_answer"
    } == set()


def test_every_mode_is_attacked() -> None:
    assert {mode for program in ATTACKS for mode in program.pays} == set(MODES) - {"gt_only"}
    assert {mode for program in ATTACKS for mode in program.modes} == set(MODES)
