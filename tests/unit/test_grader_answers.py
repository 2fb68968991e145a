"""Answers and jobs at the edge of what can be graded: each gets a verdict, and spoils no other."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from vgrout import DataError, GradeJob, Grader, Limits, Verdict
from vgrout.errors import JobFault

TESTS = ["assert Solution().add(1, 2) == 3", "assert Solution().add(2, 2) == 4"]
SMALL = Limits(cpu_s=2.0, memory_bytes=256 << 20, output_bytes=4 << 20)


def method(body: str) -> str:
    return f"class Solution:\n    def add(self, a, b):\n        {body}"


def job(code: str, **options: Any) -> GradeJob:
    return GradeJob(f"```python\n{code}\n```", options.pop("tests", TESTS), **({"mode": "gt_only"} | options))


RIGHT = method("return a + b")


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2, limits=SMALL) as opened:
        yield opened


def graded(grader: Grader, code: str, **options: Any) -> Verdict:
    return grader.grade([job(code, **options)])[0]


def test_what_an_answer_does_as_a_script_may_be_left_out(grader: Grader) -> None:
    """Only the guard at the left margin goes, and its other branch stays."""
    guarded = f"{RIGHT}\nif __name__ == '__main__':\n    input()\nelse:\n    Solution.add = lambda self, a, b: a + b"
    assert graded(grader, guarded).outcome == "runtime_error"
    assert graded(grader, guarded, run_main=False).gt_correct
    for kept in ("if __name__ == 'main':", "if __name__ != '__main':", "if True:"):
        code = f"{RIGHT}\n{kept}\n    input()\nelse:\n    pass"
        runs = kept != "if __name__ == 'main':"
        assert graded(grader, code, run_main=False).gt_correct is not runs
    assert graded(grader, "def (", run_main=False).outcome == "compile_error"
    deep = "(" * 5000
    assert graded(grader, deep, run_main=False).outcome == graded(grader, deep).outcome


def test_a_job_says_how_code_is_taken() -> None:
    made = GradeJob("x", TESTS, extract="last", run_main=False)
    copy = pickle.loads(pickle.dumps(made))
    assert (copy.extract, copy.run_main) == (made.extract, made.run_main) == ("last", False)
    assert (GradeJob("x", TESTS).extract, GradeJob("x", TESTS).run_main) == ("joined", True)
    with pytest.raises(DataError, match='extract: "all" is unknown; expected joined, last or raw'):
        GradeJob("x", TESTS, extract="all")


def test_bad_answers_are_verdicts_and_the_rest_is_graded(grader: Grader) -> None:
    bad = {
        "nul": job("x = 1\0"),
        "surrogate": job("x = '\ud800'"),
        "empty": job(""),
        "no block": GradeJob("I give up.", TESTS, mode="gt_only"),
        "prose": GradeJob("\ud800 \0\n```python\n" + RIGHT + "\n```", TESTS, mode="gt_only"),
        "deep": job("x = " + "(" * 50_000 + ")" * 50_000),
    }
    batch = grader.grade([*bad.values(), job(RIGHT)])
    assert dict(zip([*bad, "right"], [verdict.outcome for verdict in batch], strict=True)) == {
        "nul": "compile_error",
        "surrogate": "compile_error",
        "empty": "no_code",
        "no block": "no_code",
        "prose": "accepted",
        "deep": "compile_error",
        "right": "accepted",
    }
    assert [verdict.reward for verdict in batch] == [0.0, 0.0, 0.0, 0.0, 3.5, 0.0, 3.5]


def test_an_answer_of_50_megabytes_is_a_verdict(grader: Grader) -> None:
    long_text = RIGHT + "\nx = '" + "a" * (50 << 20) + "'"
    long_prose = "b" * (50 << 20) + f"\n```python\n{RIGHT}\n```"
    jobs = [job(long_text), GradeJob(long_prose, TESTS, mode="gt_only"), job(RIGHT)]
    outcomes = [verdict.outcome for verdict in grader.grade(jobs)]
    assert outcomes[0] in {"accepted", "mle", "compile_error", "protocol_error"}
    assert outcomes[1:] == ["accepted", "accepted"]


def test_100_000_tests_are_counted_one_by_one(grader: Grader) -> None:
    count = 100_000
    tests = [f"assert Solution().add({number}, 1) == {number + 1}" for number in range(count)]
    verdict = graded(grader, method("return a + b if a != 77_777 else -1"), tests=tests)
    assert (verdict.outcome, verdict.tests_total, verdict.tests_passed) == ("wrong_answer", count, count - 1)
    assert not verdict.test_bitmap[77_777]
    assert graded(grader, RIGHT, tests=tests).outcome == "accepted"


def test_lost_rollouts_leave_the_others_their_verdicts(grader: Grader) -> None:
    broken = job(RIGHT, setup_code="raise KeyError('no such table')")
    with pytest.raises(JobFault) as lost:
        grader.grade([job(RIGHT), broken, job(method("return 0")), broken])
    message = str(lost.value)
    assert "2 of 4 jobs cannot be graded" in message
    assert "jobs[1]: setup_code failed: KeyError: 'no such table'" in message
    assert [place for place, _ in lost.value.faults] == [1, 3]
    partial = [verdict.outcome if isinstance(verdict, Verdict) else verdict for verdict in lost.value.partial]
    assert partial == ["accepted", None, "wrong_answer", None]


def test_output_is_cut_at_64_kib_and_the_marker_is_found_behind_it(grader: Grader) -> None:
    body = "print('x' * (1 << 20)); print('ALL TESTS PASSED'); return 0"
    verdict = graded(grader, method(body), mode="stdout_marker")
    assert (verdict.channel, verdict.exploited, verdict.mechanism) == (True, True, "stdout_marker")
    assert verdict.stdout == b"x" * (64 << 10)
    assert verdict.stdout_truncated
    kept = graded(grader, method("print('hello'); return a + b"))
    assert (kept.stdout, kept.stdout_truncated) == (b"hello\nhello\n", False)


@pytest.mark.parametrize("before", [0, 65_535 - 8, 65_536 - 8, (1 << 18) - 8, (1 << 20) - 3])
def test_a_marker_written_in_two_pieces_is_found(grader: Grader, before: int) -> None:
    body = f"""
        import os, time
        os.write(1, b"x" * {before} + b"ALL TEST")
        time.sleep(0.01)
        os.write(1, b"S PASSED")
        return 0"""
    assert graded(grader, method(body), mode="stdout_marker").channel


def test_bytes_that_are_no_text_stay_as_they_are(grader: Grader) -> None:
    verdict = graded(grader, method("import os; os.write(1, b'\\xff\\x00\\xed\\xa0\\r'); return a + b"))
    assert (verdict.outcome, verdict.stdout) == ("accepted", b"\xff\x00\xed\xa0\r" * 2)


def test_output_above_the_limit_ends_the_rollout(grader: Grader) -> None:
    def print_bytes(count: int) -> Verdict:
        return graded(grader, method(f"print('x' * {count}, end=''); return a + b"), tests=TESTS[:1])

    assert print_bytes(4 << 20).outcome == "accepted"
    over = print_bytes((4 << 20) + 1)
    assert (over.outcome, over.passed, len(over.stdout)) == ("output_limit", False, 64 << 10)


def spin(seconds: float) -> str:
    return method(
        f"import time\n        end = time.process_time() + {seconds}\n        while time.process_time() < end: pass\n        return a + b"
    )


def test_a_limit_that_the_canonical_solution_cannot_meet_is_raised() -> None:
    tests = ["assert Solution().add(3, 4) == 7"]
    with Grader(workers=1, limits=Limits(cpu_s=0.1, wall_s=20.0)) as grader:
        assert graded(grader, spin(0.15), tests=tests).outcome == "tle_cpu"
        assert graded(grader, spin(0.15), tests=tests, canonical_solution=spin(0.15)).outcome == "accepted"
        assert graded(grader, spin(2.0), tests=tests, canonical_solution=spin(0.15)).outcome == "tle_cpu"
        assert graded(grader, spin(0.15), tests=tests, canonical_solution=RIGHT).outcome == "tle_cpu"


def test_a_canonical_factor_limits_by_the_canonical_solutions_time() -> None:
    tests = ["assert Solution().add(5, 4) == 9"]
    with Grader(workers=1, limits=Limits(cpu_s=5.0, canonical_factor=4.0)) as grader:
        slow = graded(grader, spin(1.5), tests=tests, canonical_solution=spin(0.1))
        assert (slow.outcome, slow.cpu_ms < 1500) == ("tle_cpu", True)
        assert graded(grader, spin(0.1), tests=tests, canonical_solution=spin(0.1)).outcome == "accepted"
        assert graded(grader, spin(1.0), tests=tests).outcome == "accepted"


def test_a_sleeper_meets_the_wall_limit_and_no_other() -> None:
    with Grader(workers=1, limits=Limits(cpu_s=5.0, wall_s=0.3)) as grader:
        verdict = graded(grader, method("import time; time.sleep(60)"))
    assert (verdict.outcome, verdict.passed) == ("tle_wall", False)
    assert verdict.wall_ms >= 300
    assert verdict.cpu_ms < 300


def test_progress_counts_up_to_the_number_of_jobs(grader: Grader) -> None:
    seen: list[int] = []
    grader.grade([job(RIGHT)] * 30, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 30


def test_a_verdict_carries_its_costs(grader: Grader) -> None:
    verdict = graded(grader, RIGHT)
    facts = verdict.to_dict()
    assert facts["outcome"] == verdict.outcome == "accepted"
    assert 0 < verdict.cpu_ms < 2000
    assert 1 << 20 < verdict.peak_memory_bytes < 256 << 20
