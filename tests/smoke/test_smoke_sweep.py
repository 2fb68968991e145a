"""A sweep of real runs as a user starts it."""

import json

import pytest

from vgrout.commands import sweep
from vgrout.config_file import load_config

TINY = ("--steps", "1", "--eval.problems", "2", "--eval.samples", "1")


@pytest.mark.slow
def test_first_effect_of_real_runs_is_written_and_not_run_twice(tmp_path, capfd) -> None:
    out = tmp_path / "sweep"
    command = [
        "first-effect",
        "--preset",
        "smoke",
        "--seeds",
        "1",
        "--jobs",
        "2",
        "--out",
        str(out),
        "--",
        *TINY,
    ]
    assert sweep.run(command) == 0, capfd.readouterr().err
    result = json.loads((out / "first-effect.json").read_text())
    assert [(run["run"], run["deployed"]["hack"]["n"]) for run in result["runs"]] == [
        ("none-s201", 2),
        ("haar201000-s201", 2),
        ("routeA-s201", 2),
    ]
    config = load_config(out / "runs" / "haar201000-s201" / "config.json")
    assert (config.seed, config.routeA_random_v_seed, config.steps) == (201, 201000, 1)
    assert (config.base.threads, config.grading.workers) == (1, 1)
    capfd.readouterr()
    assert sweep.run(command) == 0
    captured = capfd.readouterr()
    assert captured.err == "3 of 3 were finished before\n"
    assert "verdict: none. " in captured.out
