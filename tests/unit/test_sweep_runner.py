"""Runs as processes: skipped, resumed, tried again, stopped, and never orphaned."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_fake_jobs import Watch, is_alive, journal, plan_of, run_fakes, until, when_ready

from vgrout.artifacts import RunDir
from vgrout.errors import ConfigError
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Job, VgroutCommands, jobs_of
from vgrout.sweep.plans import Cell


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


def test_finished_runs_are_skipped(out: Path) -> None:
    run_fakes(out, plan_of("a", "b"))
    watch = Watch()
    summary = run_fakes(out, plan_of("a", "b"), watch=watch)
    assert (summary.done, summary.failures) == (["a", "b"], [])
    assert watch.told == ["skipped a", "skipped b"]
    assert sorted(journal(out)) == ["a new", "b new"]


def test_no_more_runs_at_a_time_than_slots(out: Path) -> None:
    watch = Watch()
    run_fakes(out, plan_of("a", "b", "c"), slots=1, watch=watch)
    assert watch.most == 1
    assert journal(out) == ["a new", "b new", "c new"]


def test_every_run_has_one_thread(out: Path, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run_fakes(out, plan_of("a"))
    assert out.with_suffix(".journal").read_text().split()[-1] == "1"


def test_failed_run_is_tried_again_from_its_checkpoint(out: Path) -> None:
    watch = Watch()
    summary = run_fakes(out, plan_of("a", "b"), {"a": "fail-once"}, slots=1, watch=watch)
    assert (sorted(summary.done), summary.failures) == (["a", "b"], [])
    assert journal(out) == ["a new", "a resume", "b new"]
    assert watch.told == ["started a", "again a", "resumed a", "ok a", "started b", "ok b"]


def test_run_that_fails_twice_is_named_with_its_last_words_and_the_others_go_on(out: Path) -> None:
    summary = run_fakes(out, plan_of("a", "b"), {"a": "fail"}, slots=1)
    assert summary.done == ["b"]
    (failure,) = summary.failures
    assert failure.job.name == "a"
    assert failure.reason == "exit status 1\n    first line\n    error: nums: 3 is odd"
    assert journal(out) == ["a new", "a new", "b new"]


def test_bad_input_is_not_tried_again(out: Path) -> None:
    summary = run_fakes(out, plan_of("a"), {"a": "bad-input"})
    assert [failure.job.name for failure in summary.failures] == ["a"]
    assert journal(out) == ["a new"]


def test_run_that_waits_for_a_failed_one_is_not_started(out: Path) -> None:
    plan = plan_of("a", "b", "c", after={"b": ("a",), "c": ("b",)})
    summary = run_fakes(out, plan, {"a": "bad-input"})
    reasons = {failure.job.name: failure.reason.splitlines()[0] for failure in summary.failures}
    assert reasons == {
        "a": "exit status 2",
        "b": "not started: it needs a",
        "c": "not started: it needs b",
    }


def test_run_starts_after_those_it_waits_for(out: Path) -> None:
    run_fakes(out, plan_of("a", "b", "c", after={"b": ("a",)}), slots=3)
    names = [line.split()[0] for line in journal(out)]
    assert names.index("a") < names.index("b")


def test_plan_that_could_never_end_is_refused(out: Path) -> None:
    with pytest.raises(ConfigError, match="a waits for b, which no job before it is"):
        run_fakes(out, plan_of("a", "b", after={"a": ("b",)}))
    with pytest.raises(ConfigError, match="two jobs are called a"):
        run_fakes(out.with_name("other"), plan_of("a", "a"))


def test_run_without_a_checkpoint_begins_anew_and_nothing_is_deleted(out: Path) -> None:
    begun = out / "runs" / "a"
    run_fakes(out, plan_of("a"), {"a": "bad-input"})
    (begun / "rollouts.jsonl").write_text("half a ro")
    summary = run_fakes(out, plan_of("a"))
    assert summary.done == ["a"]
    assert (out / "set-aside" / "a-1" / "rollouts.jsonl").read_text() == "half a ro"


def test_directory_that_is_no_sweep_is_left_alone(out: Path) -> None:
    out.mkdir()
    (out / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"is not empty and holds no sweep\.json"):
        SweepFolder.open(out, plan_of("a"))
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_link_in_place_of_a_run_is_left_alone(out: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    SweepFolder.open(out, plan_of("a")).close()
    (out / "runs" / "a").symlink_to(elsewhere)
    (failure,) = run_fakes(out, plan_of("a")).failures
    assert "is no folder of this sweep's making" in failure.reason
    assert list(elsewhere.iterdir()) == []


def test_run_that_another_process_writes_is_left_alone(out: Path) -> None:
    SweepFolder.open(out, plan_of("a")).close()
    with RunDir.create(out / "runs" / "a", config={}, versions={}):
        (failure,) = run_fakes(out, plan_of("a")).failures
    assert "another run is writing to" in failure.reason
    assert (out / "runs" / "a" / "config.json").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_lets_runs_save_and_a_second_call_goes_on(out: Path, number: signal.Signals) -> None:
    plan, behaviours = plan_of("a", "b", "c"), {"a": "hang", "b": "hang"}
    summary = run_fakes(out, plan, behaviours, watch=Watch(when_ready(["a", "b"], number)))
    assert (summary.interrupted, summary.done, summary.failures) == (True, [], [])
    assert signal.getsignal(number) in {signal.default_int_handler, signal.SIG_DFL}
    summary = run_fakes(out, plan, behaviours)
    assert (summary.interrupted, sorted(summary.done)) == (False, ["a", "b", "c"])
    assert sorted(journal(out)) == ["a new", "a resume", "b new", "b resume", "c new"]


def test_third_interrupt_kills(out: Path) -> None:
    watch = Watch(when_ready(["a"], signal.SIGINT, times=3))
    summary = run_fakes(out, plan_of("a"), {"a": "deaf"}, watch=watch)
    assert summary.interrupted
    assert (out / "runs" / "a" / "heard").read_text() == "SIGINT\nSIGINT\n"


def test_runs_die_with_a_sweep_that_fails(out: Path) -> None:
    def act(running) -> None:
        if running and (running[0].folder / "ready").is_file():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_fakes(out, plan_of("a"), {"a": "deaf"}, watch=Watch(act))
    assert not is_alive(int((out / "runs" / "a" / "ready").read_text()))


def test_no_run_outlives_a_killed_sweep(out: Path) -> None:
    driver = Path(__file__).with_name("sweep_fake_jobs.py")
    ready = [out / "runs" / name / "ready" for name in ("a", "b")]
    sweep = subprocess.Popen([sys.executable, str(driver), str(out)])
    try:
        assert until(lambda: all(file.is_file() and file.read_text() for file in ready))
        pids = [int(file.read_text()) for file in ready]
        assert all(map(is_alive, pids))
    finally:
        sweep.kill()
        sweep.wait()
    assert until(lambda: not any(map(is_alive, pids)))


def test_second_sweep_on_a_directory_is_refused(out: Path) -> None:
    with (
        SweepFolder.open(out, plan_of("a")),
        pytest.raises(ConfigError, match="another sweep is writing to"),
    ):
        SweepFolder.open(out, plan_of("a"))
    SweepFolder.open(out, plan_of("a")).close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preset": "fast"}, "preset is smoke there and fast here"),
        ({"seeds": (1, 0)}, r"seeds is \[0, 1\] there and \[1, 0\] here"),
        ({"seeds": (0,)}, r"seeds is \[0, 1\] there and \[0\] here"),
        ({"extra": ("--steps", "3")}, r"extra is \[\] there and \['--steps', '3'\] here"),
        ({"cells": plan_of("a").cells}, "cell b stands only there"),
        (
            {"cells": (*plan_of("a", "b").cells, replace(plan_of("c").cells[0], seed=1))},
            "cell c stands only here",
        ),
        (
            {"cells": (plan_of("a").cells[0], replace(plan_of("a", "b").cells[1], flags=("--x",)))},
            r"flags of cell b is \['--seed', '1'\] there and \['--x'\] here",
        ),
    ],
)
def test_directory_of_another_plan_is_refused_by_what_differs(out: Path, change, message: str) -> None:
    SweepFolder.open(out, plan_of("a", "b")).close()
    before = (out / "sweep.json").read_text()
    with pytest.raises(ConfigError, match=message):
        SweepFolder.open(out, replace(plan_of("a", "b"), **change))
    assert (out / "sweep.json").read_text() == before
    SweepFolder.open(out, plan_of("a", "b")).close()


def test_a_damaged_evaluation_is_made_again(out: Path) -> None:
    plan = plan_of("a")
    run_fakes(out, plan)
    (out / "runs" / "a" / "eval.json").write_text('{"deployed": ')
    with SweepFolder.open(out, plan) as folder:
        assert folder.state(jobs_of(plan)[0]) != "done"
    assert run_fakes(out, plan).done == ["a"]


def test_a_plan_may_grow_by_seeds_and_every_session_says_which(out: Path) -> None:
    plan = plan_of("a", "b")
    SweepFolder.open(out, plan).close()
    grown = replace(plan_of("a", "b", "c"), seeds=(0, 1, 2))
    SweepFolder.open(out, grown).close()
    stored = json.loads((out / "sweep.json").read_text())
    assert [entry["seeds"] for entry in stored["sessions"]] == [[0, 1], [0, 1, 2]]
    assert [cell["name"] for cell in stored["plan"]["cells"]] == ["a", "b", "c"]
    with pytest.raises(ConfigError, match=r"seeds is \[0, 1, 2\] there and \[0, 1\] here"):
        SweepFolder.open(out, plan)


def test_directory_records_plan_and_every_session(out: Path) -> None:
    plan = plan_of("a")
    SweepFolder.open(out, plan).close()
    SweepFolder.open(out, plan).close()
    stored = json.loads((out / "sweep.json").read_text())
    assert stored["plan"] == json.loads(json.dumps(plan.to_json()))
    assert [set(entry) for entry in stored["sessions"]] == [
        {"started_utc", "version", "commit", "dirty", "seeds"}
    ] * 2
    assert "sweep" not in stored, "a report takes files with that key for results"


def test_commands_are_one_thread_each_and_resume_by_folder(tmp_path: Path) -> None:
    cell = Cell(name="x", arm="none", flags=("--start-from", "{runs}/y"), seed=0, evaluations=(0.5,))
    plan = replace(plan_of("y"), extra=("--steps", "2"), cells=(*plan_of("y").cells, cell))
    train, evaluate = jobs_of(plan)[1:]
    commands, runs = VgroutCommands(plan, Path("o/runs")), Path("o/runs/x")
    start = [sys.executable, "-m", "vgrout.cli"]
    one_thread = ["--base.threads", "1", "--grading.workers", "1"]
    assert commands(train, runs, resume=False) == [
        *start, "train", "smoke", "--steps", "2", "--start-from", "o/runs/y", *one_thread, "--run-dir", "o/runs/x",
    ]  # fmt: skip
    assert commands(train, runs, resume=True) == [*start, "train", "smoke", "--resume", "o/runs/x"]
    assert commands(evaluate, runs, resume=False) == [
        *start, "evaluate", "o/runs/x", "--eval.quarantine-scale", "0.5",
    ]  # fmt: skip
    assert evaluate.after == ("x",)


def test_evaluation_is_done_when_its_scale_is_written(out: Path) -> None:
    cell = replace(plan_of("a").cells[0], evaluations=(0.5, 0.25))
    plan = replace(plan_of("a"), cells=(cell,))
    with SweepFolder.open(out, plan) as folder:
        half: Job = jobs_of(plan)[1]
        assert folder.state(half) == "new"
        folder.run_path("a").mkdir()
        (folder.run_path("a") / "eval-scale-half.json").write_text('{"quarantine_scale": 0.5}')
        assert [folder.state(job) for job in jobs_of(plan)] == ["begun", "done", "new"]


def test_guard_refuses_to_start_for_a_parent_that_is_gone() -> None:
    from vgrout.sweep import guard

    command = [sys.executable, str(guard.__file__), str(os.getpid() + 1), sys.executable, "-c", "print(1)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the sweep ended before its run began" in done.stderr
