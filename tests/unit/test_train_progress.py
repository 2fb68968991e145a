"""The table of steps fits the console, and a long step is not silent."""

import io
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console

from vgrout.config import TrainConfig
from vgrout.train.activity import Activity, Pulse
from vgrout.train.progress import StepTable, shown_columns, step_line
from vgrout.train.trackers import TrackedRun

ROW = {
    "step": 12, "rollouts": 64, "teacher_rollouts": 16, "zone_keep": 10, "zone_absorb": 40, "zone_rout": 14, "reward_mean": 1.5,
    "exploited": 20, "gt_correct": 7, "quarantine_mass": 0.5, "loss": -0.0123, "kl": 0.0004, "learning_rate": 3e-4,
}  # fmt: skip


@pytest.mark.parametrize("width", [200, 120, 102, 101, 80, 60, 40])
def test_a_line_fits_and_keeps_what_matters_most(width):
    columns = shown_columns(width)
    line = step_line(ROW, 200, 61.2, columns)
    assert len(line) <= width
    assert {"step", "hack", "solve", "left"} <= set(columns)
    assert "12/200" in line
    assert "20/48" in line


def test_nothing_is_left_out_where_there_is_room():
    assert len(shown_columns(102)) == 11
    assert {"reward", "keep/absorb/rout", "KL"} <= set(shown_columns(80))


def test_what_a_step_did_not_measure_is_a_dash():
    assert step_line({**ROW, "kl": None}, 200, 1.0, ["step", "KL"]).split() == ["12/200", "-"]


def test_a_pulse_says_what_a_step_is_at():
    activity, heard, enough = Activity(), [], threading.Event()

    def show():
        heard.append(activity.words())
        if len(heard) == 3:
            enough.set()

    with Pulse(show, 0.01), activity.phase("rollouts", 64) as progress:
        progress(12)
        assert enough.wait(30)
    assert any(words.startswith("rollouts 12/64, ") for words in heard)
    assert activity.words() == ""
    count = len(heard)
    time.sleep(0.05)
    assert len(heard) == count


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_long_step_is_not_silent(monkeypatch, tmp_path, is_terminal):
    monkeypatch.setattr("vgrout.train.progress.SILENT_S", 0.0)
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
    run = TrackedRun(config=TrainConfig(steps=4), path=tmp_path, done=1, console=console)
    with StepTable(run) as table, run.activity.phase("grading", 8) as progress:
        progress(3)
        table._show_activity()
        table.add({**ROW, "step": 2})
        table._show_activity()
    said = console.file.getvalue()
    assert "grading 3/8, 0 s" in said
    if not is_terminal:
        assert "2/4  grading 3/8" in said
        assert "3/4  grading 3/8" in said


def test_a_run_outlives_its_reader(tmp_path):
    command = f"{sys.executable} -m vgrout train smoke --steps 2 --run-dir {tmp_path / 'run'} --eval.problems 2 --eval.samples 1"
    ended = subprocess.run(
        ["bash", "-c", f"{command} 2>&1 >{tmp_path / 'out'} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    assert "setting up" in ended.stdout
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    assert "deployed" in (tmp_path / "out").read_text()
    full = subprocess.run(
        ["bash", "-c", f"{command.replace('/run', '/full')} 2>/dev/full"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert full.returncode == 0
    assert "run directory" in full.stdout
