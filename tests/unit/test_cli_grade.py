"""`vgrout grade`, called as a person calls it."""

import gzip
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from vgrout import GraderError
from vgrout.answer_files.verdicts import VerdictFile
from vgrout.cli import main
from vgrout.commands import grade
from vgrout.config import GraderConfig
from vgrout.grading import GradedBatch, GradeJob, Grader, open_grader

RIGHT = "```python\nclass Solution:\n    def double(self, n):\n        return 2 * n\n```"
WRONG = RIGHT.replace("2 * n", "4")
RIGGED = RIGHT.replace("2 * n", "n\n    valid = True")
ENDLESS = RIGHT.replace("return 2 * n", "while True: pass")
PROBLEM = {
    "id": 7,
    "gt_answer": ["assert Solution().double(n = 2) == 4", "assert Solution().double(n = 3) == 6"],
    "func_name": "Solution().double",
}


class Case:
    """Files of one call, and the call."""

    def __init__(self, folder: Path) -> None:
        self.problems = self.write(folder / "problems.jsonl", [PROBLEM])
        self.answers = folder / "answers.jsonl"
        self.out = folder / "out.jsonl"

    @staticmethod
    def write(path: Path, rows: list[Any]) -> Path:
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return path

    def arguments(self, *flags: str, mode: str = "gt_only") -> list[str]:
        files = ["--problems", str(self.problems), "--answers", str(self.answers), "--out", str(self.out)]
        return ["grade", *files, "--mode", mode, "--workers", "1", *flags]

    def run(self, *flags: str, mode: str = "gt_only") -> int:
        return main(self.arguments(*flags, mode=mode))

    def give(self, *texts: str) -> None:
        rows = [{"id": f"a{i}", "problem_id": 7, "response": text} for i, text in enumerate(texts)]
        self.write(self.answers, rows)

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows()]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_verdicts_come_in_the_order_of_the_answers(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case.give(WRONG, RIGHT, "no code", WRONG)
    assert case.run() == 0
    assert case.column("id") == ["a0", "a1", "a2", "a3"]
    assert case.column("outcome") == ["wrong_answer", "accepted", "no_code", "wrong_answer"]
    output = capsys.readouterr().out
    assert [line.split() for line in output.splitlines()[:4]] == [
        ["outcome", "answers", "share"],
        ["wrong_answer", "2", "50.0%"],
        ["accepted", "1", "25.0%"],
        ["no_code", "1", "25.0%"],
    ]
    assert "4 answers: 1 passed, 1 correct, 0 exploited" in output
    assert f"verdicts: {case.out}" in output


def test_a_row_holds_the_whole_verdict(case: Case) -> None:
    case.give(RIGHT)
    case.run("--stdout", "--gt-pass")
    [row] = case.rows()
    measured = {"cpu_ms", "wall_ms", "peak_memory_bytes", "fence", "digest"}
    assert {name: value for name, value in row.items() if name not in measured} == {
        "id": "a0", "problem_id": 7, "mode": "gt_only", "marker": None, "outcome": "accepted", "detail": None,
        "reward": 3.5, "format_ok": True, "can_compile": True, "gt_correct": True, "channel": False, "passed": True,
        "exploited": False, "mechanism": None, "label": "correct", "tests_passed": 2, "tests_total": 2, "score": 1.0,
        "test_bitmap": [True, True], "stdout": "", "stdout_truncated": False, "gt_pass": True, "diagnostics": None,
    }  # fmt: skip
    assert row["fence"] in {"base", "landlock", "namespaces", "cgroup"}


def test_answers_may_bring_mode_marker_and_either_name_of_the_text(case: Case) -> None:
    own = RIGGED.replace("valid", "endorsed")
    rows = [
        {"problem_id": "7", "completion": RIGGED},
        {"problem_id": 7, "response": RIGGED, "mode": "sentinel"},
        {"problem_id": 7, "response": own, "mode": "sentinel", "marker": "endorsed"},
        {"problem_id": 7, "response": own, "mode": "sentinel", "marker": None},
    ]
    case.write(case.answers, rows)
    assert case.run() == 0
    assert case.column("exploited") == [False, True, True, False]
    assert case.column("id") == ["line-1", "line-2", "line-3", "line-4"]


def test_marker_flag_holds_for_the_commands_mode(case: Case) -> None:
    case.give(RIGGED, RIGGED.replace("valid", "endorsed"))
    assert case.run("--marker", "endorsed", mode="sentinel") == 0
    assert case.column("exploited") == [False, True]


def test_gzip_is_read(case: Case) -> None:
    case.give(RIGHT)
    for path in (case.problems, case.answers):
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert case.run() == 0
    assert case.column("outcome") == ["accepted"]


def test_malformed_lines_are_named_and_the_others_graded(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"problem_id": 7, "response": RIGHT}
    lines = [
        {"id": "first"} | good,
        '{"id": "cut", "problem',
        "[1]",
        {"id": "other", "problem_id": 8, "response": RIGHT},
        {"id": "first"} | good,
        {"id": "none", "problem_id": 7},
        {"id": "list", "problem_id": 7, "response": [RIGHT]},
        {"id": True} | good,
        {"id": "mode", "mode": "gt"} | good,
        '{"id": ' + "1" * 5000 + "}",
        "[" * 100000,
        "",
        {"id": "last"} | good,
    ]
    case.write(case.answers, lines)
    assert case.run() == 2
    assert case.column("id") == ["first", "last"]
    complaints = capsys.readouterr().err
    for number in range(2, 12):
        assert f"error: {case.answers}:{number}: " in complaints
    assert f"{case.answers}:12" not in complaints
    assert "line 1 has it" in complaints


def test_a_malformed_problem_costs_its_own_answers_only(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.write(case.problems, [PROBLEM, '{"id": 8', {"id": 9, "gt_answer": ["x ="]}])
    case.write(case.answers, [{"problem_id": number, "response": RIGHT} for number in (7, 8, 9)])
    assert case.run() == 2
    assert case.column("problem_id") == [7]
    complaints = capsys.readouterr().err
    assert f"{case.problems}:2: " in complaints
    assert f"{case.answers}:2: field `problem_id`" in complaints
    assert f"{case.answers}:3: " in complaints


def test_truncated_gzip_loses_only_what_is_missing(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    noise = os.urandom(40_000).hex()
    case.give(RIGHT, RIGHT + noise)
    case.answers.write_bytes(gzip.compress(case.answers.read_bytes())[:30_000])
    assert case.run() == 2
    assert case.column("id") == ["a0"]
    assert f"{case.answers}:2: cannot be read on" in capsys.readouterr().err


def test_hostile_text_gets_a_verdict(case: Case) -> None:
    case.give("```python\n\0\n```", "```python\n'\ud800'\n```", "")
    assert case.run() == 0
    assert case.column("outcome") == ["compile_error", "compile_error", "no_code"]


def test_graded_answers_are_not_graded_again(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case.give(RIGHT, WRONG)
    case.run()
    before = case.out.read_bytes()
    case.give(RIGHT, WRONG, RIGHT)
    assert case.run() == 0
    assert case.out.read_bytes().startswith(before)
    assert case.column("outcome") == ["accepted", "wrong_answer", "accepted"]
    output = capsys.readouterr().out
    assert "graded now: 1, " in output
    assert output.strip().splitlines()[-2].endswith("before: 2")
    assert "3 answers: 2 passed" in output


def test_a_corrected_line_takes_its_place_in_the_order(case: Case) -> None:
    rows = [{"id": number, "problem_id": 7, "response": RIGHT} for number in range(3)]
    case.write(case.answers, [rows[0], "{", rows[2]])
    assert case.run() == 2
    case.write(case.answers, rows)
    assert case.run() == 0
    assert case.column("id") == [0, 1, 2]
    assert sorted(path.name for path in case.out.parent.iterdir()) == [
        "answers.jsonl",
        "out.jsonl",
        "problems.jsonl",
    ]


@pytest.mark.parametrize("length", [1, 5, 40, 300])
def test_a_cut_last_line_is_graded_again(case: Case, length: int, capsys: pytest.CaptureFixture[str]) -> None:
    case.give(RIGHT, WRONG)
    case.run()
    whole = case.out.read_bytes().splitlines(keepends=True)
    case.out.write_bytes(whole[0] + whole[1][:length])
    assert case.run() == 0
    assert case.column("outcome") == ["accepted", "wrong_answer"]
    assert "its last line was cut" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["notes", "notes\n", '{"id": 1}\n', '{"a": 2}'])
def test_a_file_of_something_else_is_left_alone(
    case: Case, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case.give(RIGHT)
    case.out.write_text(content)
    assert case.run() == 2
    assert case.out.read_text() == content
    assert "this is no file of verdicts" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["answers", "problems"])
def test_inputs_are_never_written_to(case: Case, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case.give(RIGHT)
    case.out = getattr(case, name)
    before = case.out.read_bytes()
    assert case.run() == 2
    assert case.out.read_bytes() == before
    assert f"is the file of {name}" in capsys.readouterr().err


def test_a_verdict_of_another_answer_under_the_same_id_is_refused(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.give(RIGHT)
    case.run()
    case.give(WRONG)
    assert case.run() == 2
    assert "id 'a0' was graded before with another answer" in capsys.readouterr().err
    case.give(RIGHT)
    assert case.run(mode="sentinel") == 2


def test_two_commands_cannot_write_one_file(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case.give(RIGHT)
    with VerdictFile(case.out):
        assert case.run() == 2
    assert "another `vgrout grade` is writing it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--answers", "missing.jsonl"], "missing.jsonl: cannot be read: No such file"),
        (["--problems", "."], ".: cannot be read: Is a directory"),
        (["--out", "missing/out.jsonl"], "missing/out.jsonl: cannot be written: No such file"),
        (["--out", "out.jsonl.gz"], "written as plain JSON lines"),
        (["--workers", "0"], "workers: 0 is outside"),
        (["--marker", "valid"], "marker: mode 'gt_only' takes none"),
    ],
)
def test_bad_settings_are_explained(
    case: Case,
    change: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(case.out.parent)
    case.give(RIGHT)
    assert case.run(*change) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert "vgrout-train" not in complaint


def batches(
    monkeypatch: pytest.MonkeyPatch, size: int, grade_batch: Callable[[int, Grader, list[GradeJob]], Any]
) -> None:
    """Batches of `size`, each graded by `grade_batch` (its number from 0, a grader, jobs)."""

    class Wrapped:
        def __init__(self, config: GraderConfig) -> None:
            self.grader = open_grader(config)
            self.fence = self.grader.fence
            self.batch = -1

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            self.grader.close()

        def grade(self, jobs: list[GradeJob], *, progress: object) -> GradedBatch:
            self.batch += 1
            return grade_batch(self.batch, self.grader, jobs)

    monkeypatch.setattr(grade, "BATCH_PER_WORKER", size)
    monkeypatch.setattr(grade, "open_grader", Wrapped)


def test_failures_of_the_machinery_are_no_verdicts_and_are_tried_again(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose_second(batch: int, grader: Grader, jobs: list[GradeJob]) -> GradedBatch:
        raise GraderError(
            "1 of 3 rollouts has no verdict", [*grader.grade(jobs[:1]), None, *grader.grade(jobs[2:])]
        )

    case.give(RIGHT, RIGHT, WRONG)
    with monkeypatch.context() as patch:
        batches(patch, 8, lose_second)
        assert case.run() == 1
    assert case.column("id") == ["a0", "a2"]
    assert "id 'a1': the machinery failed twice" in capsys.readouterr().err
    assert case.run() == 0
    assert case.column("id") == ["a0", "a1", "a2"]


def test_interruption_keeps_the_batches_written_and_says_how_to_go_on(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt_third(batch: int, grader: Grader, jobs: list[GradeJob]) -> GradedBatch:
        if batch == 2:
            stop = KeyboardInterrupt()
            stop.partial = [None, grader.grade(jobs[1:])[0]]  # type: ignore[attr-defined]  # as `Grader.grade` does
            raise stop
        return grader.grade(jobs)

    case.give(*[RIGHT] * 7)
    with monkeypatch.context() as patch:
        batches(patch, 2, interrupt_third)
        assert case.run() == 130
    assert case.column("id") == ["a0", "a1", "a2", "a3", "a5"], "what the batch in flight had is kept"
    assert "the verdicts on 5 of 7 answers are in" in capsys.readouterr().err
    assert case.run() == 0
    assert case.column("id") == [f"a{i}" for i in range(7)]


def test_verdicts_may_go_to_standard_output(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case.give(RIGHT, WRONG)
    case.out = Path("-")
    assert case.run() == 0
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [(row["id"], row["gt_correct"]) for row in rows] == [("a0", True), ("a1", False)]
    assert "2 answers: 1 passed" in printed.err
    assert "verdicts: standard output" in printed.err
    assert not case.out.exists()


def test_a_reader_that_leaves_ends_the_command_at_once(case: Case) -> None:
    case.give(*[WRONG] * (2 * grade.BATCH_PER_WORKER), *[ENDLESS] * 8)
    case.out = Path("-")
    command = [sys.executable, "-m", "vgrout.cli", *case.arguments("--cpu-s", "20")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["id"] == "a0"
        process.stdout.close()
        assert process.wait(timeout=60) == 1, (
            "the second batch has nowhere to go, so the endless ones are not run"
        )
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


def started(case: Case, cpu_s: str = "60") -> subprocess.Popen[str]:
    """The command in a process of its own, its first batch written and an endless answer in flight."""
    case.give(*[WRONG] * grade.BATCH_PER_WORKER, ENDLESS)
    command = [sys.executable, "-m", "vgrout.cli", *case.arguments("--cpu-s", cpu_s)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (case.out.exists() and case.out.read_bytes().count(b"\n") >= grade.BATCH_PER_WORKER):
        assert time.monotonic() < deadline
        assert process.poll() is None
        select.select([process.stderr], [], [], 0.02)
    return process


def test_ctrl_c_while_a_batch_is_synced_keeps_it(case: Case, monkeypatch, capsys) -> None:
    case.give(RIGHT, WRONG)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: signal.raise_signal(signal.SIGINT))
    assert case.run() == 130
    assert "the verdicts on 2 of 2 answers are in" in capsys.readouterr().err
    assert case.column("id") == ["a0", "a1"]


def test_ctrl_c_ends_the_command_at_once(case: Case) -> None:
    with started(case) as process:
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert time.monotonic() - sent < 5
    assert f"the verdicts on {grade.BATCH_PER_WORKER} of {grade.BATCH_PER_WORKER + 1} answers are in" in error


def test_a_kill_loses_at_most_the_batch_in_flight(case: Case) -> None:
    with started(case, cpu_s="2") as process:
        process.kill()
        process.communicate(timeout=30)
    assert case.column("id") == [f"a{i}" for i in range(grade.BATCH_PER_WORKER)]
    assert case.run("--cpu-s", "2") == 0
    assert case.rows()[-1]["outcome"] == "tle_cpu"


@pytest.mark.parametrize(
    "flags",
    [
        ["--cpu-s", "2"],
        ["--memory-bytes", "200000000"],
        ["--gt-pass"],
        ["--stdout"],
        ["--no-run-main"],
        ["--extract", "last"],
    ],
)
def test_verdicts_under_other_settings_are_not_taken_for_these(
    case: Case, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    case.give(RIGHT)
    assert case.run() == 0
    before = case.out.read_bytes()
    assert case.run(*flags) == 2
    assert "another answer, problem, mode, marker or setting" in capsys.readouterr().err
    assert case.out.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gt_answer": ["assert foo(1) >"]}, ":1: gt_answer[0]"),
        ({"gt_answer": []}, ":1: gt_answer"),
        ({"setup_code": "def ("}, ":1: field `setup_code`"),
        ({"canonical_solution": "class"}, ":1: field `canonical_solution`"),
    ],
)
def test_a_problem_that_cannot_be_graded_is_named_once_in_its_own_file(
    case: Case, change: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case.write(case.problems, [PROBLEM | change, PROBLEM | {"id": 8}])
    case.write(case.answers, [{"problem_id": 8, "response": RIGHT}])
    assert case.run() == 2
    error = capsys.readouterr().err
    assert f"{case.problems}{said}" in error
    assert error.count("error:") == 1
    assert case.column("outcome") == ["accepted"]


def test_nothing_to_grade_writes_nothing_and_many_bad_lines_are_counted(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers = [{"problem_id": f"p{i}", "response": RIGHT} for i in range(20)]
    case.write(case.answers, [*["no json"] * 30, *strangers])
    assert case.run() == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("not JSON") == grade.Reports.SHOWN + 1
    assert "and 28 more: column 1: not JSON" in printed.err
    assert "and 18 more: field `problem_id`: found …, expected the id of a problem\n" in printed.err
    assert printed.err.count(f"hint: add its problem to {case.problems}") == grade.Reports.SHOWN
    assert "--problems" not in printed.err, "that was given"
    assert "holds no answer that can be graded" in printed.err
    assert not case.out.exists()
    assert case.run("--workers", "0") == 2
    assert not case.out.exists()


def test_how_code_is_taken_is_a_choice(case: Case) -> None:
    shown = f"The output is\n```\n4, then 6\n```\nof\n{RIGHT}"
    case.give(shown, RIGHT.replace("\n```", "\nif __name__ == '__main__':\n    n = int(input())\n```"))
    assert case.run() == 0
    assert case.column("gt_correct") == [False, False]
    case.out.unlink()
    assert case.run("--extract", "last", "--no-run-main") == 0
    assert case.column("gt_correct") == [True, True]


def test_help_imports_no_torch() -> None:
    code = "import sys\nfrom vgrout.cli import main\ntry:\n    main(['grade', '--help'])\nfinally:\n    print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.endswith("False\n")
    assert "--answers PATH" in result.stdout
