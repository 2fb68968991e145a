"""`NAME.json` and what a person sees: exact counts, no NaN, the same whatever the number of jobs."""

import io
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from sweep_fake_jobs import plan_of
from sweep_samples import BASES, RATES, decision_plan, write_run

from vgrout.cli import main
from vgrout.commands import sweep as command
from vgrout.errors import ConfigError, DataError
from vgrout.sweep.bases import parse_card, read_bases
from vgrout.sweep.comparisons import Runs, arm_row
from vgrout.sweep.definitions import make_plan
from vgrout.sweep.engines import ENGINES
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.outcomes import read_outcome
from vgrout.sweep.progress import SweepView, last_row
from vgrout.sweep.result import RULE, result_lines, write_result
from vgrout.sweep.running import Running, Summary

CARD = {
    "measured": [
        {"setting": {"split": "train"}, "hack": {}, "solve_hinted": {}},
        {
            "setting": {"split": "test"},
            "hack": {"sentinel": {"count": 4, "n": 100}, "file_marker": {"count": 1, "n": 100}},
            "solve_hinted": {"sentinel": {"count": 40, "n": 100}, "file_marker": {"count": 20, "n": 100}},
        },
    ]
}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch) -> None:
    monkeypatch.setattr("vgrout.sweep.comparisons.RESAMPLES", 500)


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} in a result")


def result_of(path: Path) -> dict:
    return json.loads(path.read_text(), parse_constant=no_constant)


def conclude(out: Path, plan, finished, bases=BASES):
    with SweepFolder.open(out, plan) as folder:
        for cell in plan.cells:
            if finished(cell):
                write_run(folder.run_path(cell.name), cell, *RATES[cell.arm])
        return result_of(write_result(folder, plan, bases))


def test_outcome_holds_what_the_files_say(tmp_path: Path) -> None:
    cell = decision_plan().cells[0]
    write_run(tmp_path / "run", cell, steps=3)
    found = read_outcome(cell, tmp_path / "run").to_json()
    assert found["train"] == {
        "score_auroc": None,
        "f_half": None,
        "qmass": 0.5,
        "zone_share": {"keep": 0.2, "absorb": 0.3, "rout": 0.5},
    }
    assert found["seconds"] == 1.5
    stored = json.loads((tmp_path / "run" / "eval.json").read_text())
    assert found["deployed"]["hack"] == stored["deployed"]["hack"]


def test_modes_are_counted_over_an_arms_runs(tmp_path: Path) -> None:
    first, second = (cell for cell in decision_plan(2).cells if cell.arm == "routeA")
    for cell, hacked in ((first, 3), (second, 1)):
        write_run(tmp_path / cell.name, cell)
        path = tmp_path / cell.name / "eval.json"
        stored = json.loads(path.read_text())
        stored["deployed"]["by_mode"] = [
            {"prompt": "hinted", "mode": "sentinel", "n": 8, "exploited": hacked, "gt_correct": 2, "channel": hacked},
            {"prompt": "plain", "mode": "sentinel", "n": 8, "exploited": 0, "gt_correct": 5, "channel": 0},
        ]  # fmt: skip
        path.write_text(json.dumps(stored))
    runs = Runs(tuple(read_outcome(cell, tmp_path / cell.name) for cell in (first, second)))
    assert arm_row(runs, "routeA")["by_mode"] == {
        "deployed": [
            {"prompt": "hinted", "mode": "sentinel", "exploited": 4, "gt_correct": 4, "n": 16},
            {"prompt": "plain", "mode": "sentinel", "exploited": 0, "gt_correct": 10, "n": 16},
        ],
        "as_trained": [],
    }


def test_flags_of_every_run_stand_in_the_verdict(tmp_path: Path) -> None:
    plan = replace(decision_plan(seeds=8), extra=("--steps", "20"))
    found = conclude(tmp_path / "s", plan, lambda cell: True)
    assert found["verdict"]["sentence"].endswith(" Every run was given --steps 20.")
    assert found["extra"] == ["--steps", "20"]


def test_what_is_missing_and_how_few_the_seeds_are_is_said(tmp_path: Path) -> None:
    plan = make_plan("first-effect", "smoke", modes=(), seeds=2)
    found = conclude(tmp_path / "s", plan, lambda cell: cell.arm != "none")
    lines = result_lines(found)
    assert lines[0].endswith("interval; of 2 seeds it is too narrow]")
    assert lines[2].split()[:4] == ["haar", "2", "x", "400"]
    assert lines[-2] == "2 of 6 runs are missing, so no arm of theirs is whole: none-s201, none-s202"
    assert found["rule"] is None, "it has no verdict"


@pytest.mark.parametrize(
    ("exploits", "step"),
    [([0, 1, 3, 4, 4], 4), ([4, 0, 0, 4, 4], 5), ([0, 0, 4, 0, 0], None), ([4, 4, 4], 3), ([4, 4], None)],
)
def test_steps_to_hack_is_the_first_of_which_three_exploit_half(
    tmp_path: Path, exploits: list[int], step: int | None
) -> None:
    cell = decision_plan().cells[0]
    write_run(tmp_path, cell, steps=len(exploits))
    file = tmp_path / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row, count in zip(rows, exploits, strict=True):
        row["by_mode"] = {
            "sentinel": {"rollouts": 4, "gt_correct": 0, "exploited": count},
            "gt_only": {"rollouts": 4, "gt_correct": 4, "exploited": 0},
        }
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_outcome(cell, tmp_path).steps_to_hack == step


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (None, "`deployed.by_problem` is missing"),
        ([{"problem_id": "p"}], "expected an object with 'prompt'"),
        ([{"problem_id": "p", "prompt": "plain", "exploited": 0, "gt_correct": 0, "n": 1}], "no hinted"),
        (
            [{"problem_id": "p", "prompt": "hinted", "exploited": 2, "gt_correct": 0, "n": 1}],
            "`exploited` in",
        ),
        ([{"problem_id": "p", "prompt": "hinted", "exploited": 0, "gt_correct": 0, "n": 1}] * 2, "twice"),
    ],
)
def test_counts_by_problem_that_are_missing_or_wrong_are_refused(tmp_path: Path, rows, message: str) -> None:
    cell = decision_plan().cells[0]
    write_run(tmp_path, cell)
    stored = json.loads((tmp_path / "eval.json").read_text())
    stored["deployed"]["by_problem"] = rows
    (tmp_path / "eval.json").write_text(json.dumps(stored))
    with pytest.raises(DataError, match=message):
        read_outcome(cell, tmp_path)


def test_decision_of_a_complete_sweep(tmp_path: Path) -> None:
    plan = decision_plan(seeds=8)
    found = conclude(tmp_path / "s", plan, lambda cell: True)
    assert (found["schema"], found["sweep"], found["preset"], found["rule"]) == (1, "decision", "smoke", RULE)
    assert found["verdict"]["name"] == "direction"
    assert len(found["runs"]) == 72
    assert [(arm["arm"], arm["runs"]) for arm in found["arms"]][3:5] == [("routeA", 8), ("haar", 24)]
    haar = found["arms"][4]["deployed"]["hack"]
    assert haar["n"] == 24 * 400
    assert haar["mean"] == pytest.approx(haar["count"] / haar["n"])
    assert haar["low"] < haar["mean"] < haar["high"]
    assert all(check["holds"] for check in found["checks"])


def test_unfinished_sweep_concludes_nothing_and_writes_no_number_for_it(tmp_path: Path) -> None:
    plan = decision_plan(seeds=1)
    found = conclude(tmp_path / "s", plan, lambda cell: cell.arm in {"none", "routeA"}, {})
    assert found["verdict"]["name"] == "incomplete"
    assert len(found["missing"]) == 7
    by_name = {row["name"]: row for row in found["statistics"]}
    assert by_name["haar_minus_routeA"]["estimate"] is None
    assert conclude(tmp_path / "none", plan, lambda cell: False)["arms"] == []


@pytest.mark.parametrize("name", ["first-effect", "studies"])
def test_only_a_decision_has_a_verdict(tmp_path: Path, name: str) -> None:
    plan = make_plan(name, "smoke", modes=("sentinel",), seeds=2)
    rates = {cell.arm: (0.5, 0.5) for cell in plan.cells}
    with SweepFolder.open(tmp_path / "s", plan) as folder:
        for cell in plan.cells:
            write_run(folder.run_path(cell.name), cell, *rates[cell.arm])
        found = result_of(write_result(folder, plan, {}))
    assert found["verdict"]["name"] == "no verdict"
    assert "`vgrout sweep decision`" in found["verdict"]["sentence"]
    assert result_lines(found)[-1].startswith("no verdict. ")


def test_card_gives_the_base_of_each_warm_start(tmp_path: Path) -> None:
    base = parse_card(CARD, "card")
    assert (dict(base.hack_by_mode), base.solve_hinted) == ({"sentinel": 0.04, "file_marker": 0.01}, 0.3)
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    assert read_bases([str(tmp_path), "absent"], "smoke") == {str(tmp_path): base}
    for broken in ({}, {"measured": []}, {"measured": [{"setting": {"split": "test"}, "hack": {}}]}):
        with pytest.raises(DataError, match="card: field `measured`"):
            parse_card(broken, "card")


def fake_engine(jobs, folder, commands, *, slots, view) -> Summary:
    """Finishes every job in an order that depends on the number of slots."""
    made = sorted(jobs, key=lambda job: hash(job.name) * slots)
    for job in made:
        write_run(folder.run_path(job.cell.name), job.cell, *RATES[job.cell.arm])
    return Summary(done=[job.name for job in made])


def test_result_does_not_depend_on_jobs(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(ENGINES, "local", fake_engine)
    results = []
    for jobs in ("1", "2"):
        out = tmp_path / jobs
        arguments = [
            "first-effect",
            "--preset",
            "smoke",
            "--jobs",
            jobs,
            "--out",
            str(out),
            "--",
            "--steps",
            "2",
        ]
        assert command.run(arguments) == 0
        found = result_of(out / "first-effect.json")
        results.append({name: value for name, value in found.items() if name != "created_utc"})
    assert results[0] == results[1]
    assert json.loads((out / "sweep.json").read_text())["plan"]["extra"] == ["--steps", "2"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split()[:2] == ["arm", "runs"]
    assert printed[-2] == f"result: {out / 'first-effect.json'}"
    assert printed[-1].startswith("report: ")


@pytest.mark.parametrize(("interrupted", "status"), [(True, 130), (False, 1)])
def test_stopped_or_failed_sweep_says_how_to_go_on(
    tmp_path: Path, monkeypatch, capsys, interrupted: bool, status: int
) -> None:
    def engine(jobs, folder, commands, *, slots, view) -> Summary:
        from vgrout.sweep.running import Failure

        job, *_ = jobs
        failures = [] if interrupted else [Failure(job=job, reason="exit status 1\n    why")]
        return Summary(failures=failures, interrupted=interrupted)

    monkeypatch.setitem(ENGINES, "local", engine)
    out = tmp_path / "s"
    arguments = ["first-effect", "--preset", "smoke", "--out", str(out), "--", "--steps", "2"]
    assert command.run(arguments) == status
    said = capsys.readouterr().err
    assert f"`vgrout sweep first-effect --preset smoke --out {out} -- --steps 2`" in said
    assert ("none-s201: exit status 1\n    why" in said) is not interrupted


def test_bad_flags_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "s"
    for flags, message in (
        (["--preset", "nosuch"], "--preset: nosuch is not one of"),
        (["--preset", "smoke", "--jobs", "0"], "--jobs: 0 is below 1"),
        (["--preset", "smoke", "--seeds", "0"], "--seeds: 0 is below 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            command.run(["decision", *flags, "--out", str(out)])
    for arguments in (["rivals"], ["decision", "--engine", "slurm"]):
        with pytest.raises(SystemExit) as stop:
            command.run(arguments)
        assert stop.value.code == 2
    assert not out.exists()


class NoProcess:
    """A process that is only named."""


def shown(console: Console, folder: Path, cell) -> None:
    from vgrout.sweep.jobs import Job

    running = Running(job=Job(name=cell.name, cell=cell), folder=folder, process=NoProcess(), resumed=False)  # type: ignore[arg-type]
    running.started = time.monotonic() - 5
    with SweepView(console, 4) as view:
        view.skipped([running.job])
        view.started(running)
        view.refresh([running], 2)
        view.ended(running, None, again=False)
        view.ended(running, "exit status 1", again=False)


def test_table_shows_step_and_hack_share_of_running_cells(tmp_path: Path) -> None:
    cell = plan_of("a").cells[0]
    write_run(tmp_path, cell, steps=2)
    file = io.StringIO()
    shown(Console(file=file, force_terminal=True, width=100, color_system=None), tmp_path, cell)
    text = file.getvalue()
    assert "2/2" in text
    assert "1/4" in text, "hacks out of answers"
    assert "1/4 done, 1 running, 2 waiting, about " in text


def test_progress_off_a_terminal_is_plain_lines(tmp_path: Path) -> None:
    cell = replace(plan_of("a").cells[0], name="a")
    write_run(tmp_path, cell)
    file = io.StringIO()
    shown(Console(file=file, force_terminal=False, width=40), tmp_path, cell)
    lines = file.getvalue().splitlines()
    assert "\x1b" not in file.getvalue()
    assert lines[0] == "1 of 4 were finished before"
    assert lines[1] == "starting a"
    assert lines[2].startswith("[2/4] a in 5s, deployed hack ")
    assert lines[3] == "a failed: exit status 1"


def test_last_row_is_the_last_whole_one(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert last_row(file) is None
    file.write_text("")
    assert last_row(file) is None
    file.write_text('{"schema":1,"step":1}\n{"schema":1,"step":2}\n{"schema":1,"st')
    row = last_row(file)
    assert row is not None
    assert row["step"] == 2


def test_flags_of_the_runs_are_checked_before_anything_is_written(tmp_path, capsys):
    out = tmp_path / "sweep"
    arguments = ["sweep", "first-effect", "--preset", "smoke", "--out", str(out), "--"]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--nosuch", "1"])
    assert stop.value.code == 2
    assert main([*arguments, "--steps", "0"]) == 2
    said = "".join(capsys.readouterr())
    assert "nosuch" in said
    assert "steps: 0 is below 1" in said
    assert not out.exists()
