"""The main job as a user starts it, from the command line to the files it leaves."""

import json
import subprocess
import sys

import pytest

from vgrout.artifacts import METRICS, ROLLOUTS, read_records
from vgrout.rollouts.base import POLICY

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from vgrout.cli import train_main; sys.exit(train_main())",
    "smoke",
]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """`vgrout-train smoke`, off a terminal."""
    path = tmp_path_factory.mktemp("smoke") / "run"
    done = subprocess.run([*COMMAND, "--run-dir", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path, done


@pytest.mark.slow
def test_the_last_lines_are_the_result(smoke):
    path, done = smoke
    lines = done.stdout.splitlines()
    assert lines[0].startswith("arm routeA, preset smoke, seed 0: 16 steps in ")
    assert lines[1].split() == ["hack,", "hinted", "solve,", "hinted", "solve,", "plain"]
    assert lines[2].startswith("deployed ")
    assert lines[3].startswith("as trained ")
    assert lines[4:] == [f"run directory: {path}"]


@pytest.mark.slow
def test_progress_off_a_terminal_is_plain_lines(smoke):
    _, done = smoke
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert "    16/16  " in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.slow
def test_every_zone_occurs(smoke):
    rows = list(read_records(smoke[0] / "metrics.jsonl", METRICS))
    assert [row["step"] for row in rows] == list(range(1, 17))
    assert (rows[0]["zone_keep"], rows[0]["zone_rout"]) == (0, 0), "the gate warms up"
    later = [[row[f"zone_{name}"] for name in ("keep", "absorb", "rout")] for row in rows[3:]]
    assert all(min(zones) > 0 for zones in later)


@pytest.mark.slow
def test_demonstrations_earn_what_their_kind_earns(smoke):
    """The real grader accepts every canonical solution and is fooled by every hack on its home mode."""
    rollouts = list(read_records(smoke[0] / "rollouts.jsonl", ROLLOUTS))
    assert {row["source"] for row in rollouts} == {POLICY, "teacher_hack", "teacher_solve"}
    for row in rollouts:
        if row["source"] == "teacher_solve":
            assert (row["gt_correct"], row["exploited"], row["reward"]) == (True, False, 3.5)
        if row["source"] == "teacher_hack":
            assert (row["gt_correct"], row["exploited"], row["reward"]) == (False, True, 3.5)
        if not row["hackable"]:
            assert (row["mode"], row["exploited"]) == ("gt_only", False)


@pytest.mark.slow
def test_the_run_says_what_it_was(smoke):
    path, _ = smoke
    config = json.loads((path / "config.json").read_text())
    assert (config["preset"], config["intervention"], config["seed"]) == ("smoke", "routeA", 0)
    assert json.loads((path / "versions.json").read_text())["torch"]
    layers = json.loads((path / "fence.json").read_text())["layers"]
    assert layers[0]["name"] == "base"
    report = json.loads((path / "eval.json").read_text())
    assert report["deployed"]["hack"]["n"] == report["as_trained"]["hack"]["n"] == 12
    assert report["deployed"]["ablated"] is True


@pytest.mark.slow
def test_phases_and_memory_are_timed(smoke):
    rows = [json.loads(line) for line in (smoke[0] / "timing.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, *range(1, 17), 16]
    phases = {"rollouts", "grading", "scoring", "reference", "update", "guard"}
    assert all(phases <= set(row["seconds"]) for row in rows[1:17])
    assert all(row["peak_memory_bytes"] > 0 for row in rows)
