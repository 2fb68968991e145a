"""Tests that no answer could fail are the data's fault; every other form of a test is left alone."""

import pytest
from env_samples import row, write_rows

from vgrout import GradeJob, Grader
from vgrout.cli import main
from vgrout.env.toothless import refuse_toothless
from vgrout.errors import DataError
from vgrout.integrations.config import RewardConfig
from vgrout.integrations.rows import build_job

STUB = "class Solution:\n    def double(self, *args, **kwargs):\n        pass\n"
TOOTHLESS = [
    ["Solution().double(2)"],
    ["Solution().double(2) == 4"],
    ["Solution().double(n = -2) == -4", "x = Solution().double([1, (2, {'a': 3})])\nnot x"],
    ["solution = Solution()"],
]
FAIR = {
    "assert": "assert Solution().double(2) == 4",
    "raise": "if Solution().double(2) != 4:\n    raise ValueError",
    "helper": "expect(Solution().double(2), 4)",
    "check": "def check(candidate):\n    expect(candidate(2), 4)\ncheck(Solution().double)",
    "unittest": "import unittest\nunittest.TestCase().assertEqual(Solution().double(2), 4)",
    "exit": "import sys\nsys.exit(Solution().double(2) != 4)",
    "operator": "Solution().double(2) + 1",
    "sign": "-Solution().double(2)",
    "index": "Solution().double(2)[0]",
    "attribute": "Solution().double(2).real",
    "unpacked": "a, b = Solution().double(2)",
    "loop": "for one in Solution().double(2):\n    pass",
    "order": "Solution().double(2) < 4",
    "division": "1 / (Solution().double(2) == 4)",
    "text": "f'{Solution().double(2):d}'",
}


@pytest.mark.parametrize("tests", TOOTHLESS)
def test_what_a_method_that_does_nothing_passes_is_refused(tests):
    with Grader(workers=1) as grader:
        [verdict] = grader.grade([GradeJob(STUB, tests, mode="gt_only", extract="raw")])
    assert verdict.gt_correct
    with pytest.raises(DataError, match=r"tests: a method that does nothing passes every test.*\nhint: "):
        refuse_toothless(tests)


def test_every_form_that_can_fail_is_accepted():
    setup = "def expect(found, wanted):\n    if found != wanted:\n        raise ValueError(found)\n"
    with Grader(workers=1) as grader:
        jobs = [
            GradeJob(STUB, [test], mode="gt_only", setup_code=setup, extract="raw") for test in FAIR.values()
        ]
        verdicts = grader.grade(jobs)
    assert [name for name, verdict in zip(FAIR, verdicts, strict=True) if verdict.gt_correct] == []
    for test in FAIR.values():
        refuse_toothless([test])
        refuse_toothless([TOOTHLESS[0][0], test])


def test_the_graded_name_counts_as_the_answer():
    refuse_toothless(["double(2)"])
    for names in ({"func_name": "double"}, {"entry_point": "double"}):
        with pytest.raises(DataError):
            refuse_toothless(["double(2)"], **names)
    with pytest.raises(DataError):
        refuse_toothless(["candidate(2)"], entry_point="double")


def test_an_integration_and_the_command_refuse_them(tmp_path, capsys):
    with pytest.raises(DataError, match=r"row 3: tests: a method that does nothing passes every test"):
        build_job(RewardConfig(), STUB, {"tests": TOOTHLESS[0]}, "row 3")
    problems = write_rows(tmp_path / "p.jsonl", [row(id="bad", gt_answer=TOOTHLESS[0]), row(id="good")])
    answers = write_rows(
        tmp_path / "a.jsonl", [{"problem_id": name, "response": STUB} for name in ("bad", "good")]
    )
    flags = ["--problems", str(problems), "--answers", str(answers), "--mode", "gt_only"]
    assert main(["grade", *flags, "--out", str(tmp_path / "v.jsonl")]) == 2
    assert (
        f"error: {problems}:1: gt_answer: a method that does nothing passes every" in capsys.readouterr().err
    )
    assert len((tmp_path / "v.jsonl").read_text().splitlines()) == 1
