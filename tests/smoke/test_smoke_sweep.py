"""A sweep of real runs as a user starts it."""

import json

import pytest

from vgrout.commands import sweep
from vgrout.config_file import load_config
from vgrout.sweep.definitions import DEFINITIONS, Definition
from vgrout.sweep.plans import HAAR, NONE, haar_draw, make_cell

TINY = ("--steps", "1", "--eval.problems", "2", "--eval.samples", "1")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sweep_of_real_runs_is_written_and_not_run_twice(tmp_path, monkeypatch, capfd) -> None:
    cells = [make_cell(NONE, 201), make_cell(HAAR, 201, draw=haar_draw(201, 0))]
    two = Definition("two runs", (201,), lambda preset, seeds, modes: cells)
    monkeypatch.setitem(DEFINITIONS, "first-effect", two)
    out = tmp_path / "sweep"
    command = ["first-effect", "--preset", "smoke", "--jobs", "2", "--out", str(out), "--", *TINY]
    assert sweep.run(command) == 0, capfd.readouterr().err
    result = json.loads((out / "first-effect.json").read_text())
    assert [(run["run"], run["deployed"]["hack"]["n"]) for run in result["runs"]] == [
        ("none-s201", 2),
        ("haar201000-s201", 2),
    ]
    config = load_config(out / "runs" / "haar201000-s201" / "config.json")
    assert (config.seed, config.routeA_random_v_seed, config.steps) == (201, 201000, 1)
    assert (config.base.threads, config.grading.workers) == (1, 1)
    capfd.readouterr()
    assert sweep.run(command) == 0
    captured = capfd.readouterr()
    assert captured.err == "2 of 2 were finished before\n"
    assert "no verdict. " in captured.out
