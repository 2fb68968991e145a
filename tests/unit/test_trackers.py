"""Trackers of other programs and validation during training: told of every step, and nothing that a run does changes."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from tiny import tiny_config, tiny_run
from vgrout import registry
from vgrout.artifacts import VALIDATION, read_records
from vgrout.errors import ConfigError
from vgrout.train.trackers import numbers

VALIDATED = {"env__fractions": (0.6, 0.2, 0.2), "eval__every": 2}


def module(monkeypatch, name: str, **members: object) -> None:
    """Put a stand-in for a package that is not installed here."""
    found = ModuleType(name)
    vars(found).update(members)
    monkeypatch.setitem(sys.modules, name, found)
    monkeypatch.delitem(sys.modules, f"vgrout.train.tracking.{name}", raising=False)


@pytest.fixture
def told(monkeypatch):
    """Calls that the stand-ins got."""
    calls: list[tuple[object, ...]] = []
    run = SimpleNamespace(
        log=lambda values, step: calls.append(("wandb", step, values)),
        finish=lambda exit_code: calls.append(("wandb", "end", exit_code)),
    )

    def init(**options):
        calls.append(("wandb", "begin", options))
        return run

    module(monkeypatch, "wandb", init=init, Settings=lambda: SimpleNamespace(project=None))
    module(
        monkeypatch,
        "trackio",
        init=lambda **options: calls.append(("trackio", "begin", options)),
        log=lambda values, step: calls.append(("trackio", step, values)),
        finish=lambda: calls.append(("trackio", "end")),
    )
    name = SimpleNamespace(get=lambda: None)
    module(
        monkeypatch,
        "mlflow",
        environment_variables=SimpleNamespace(MLFLOW_EXPERIMENT_NAME=name),
        set_experiment=lambda experiment: None,
        start_run=lambda run_id, run_name: (
            calls.append(("mlflow", "begin", run_id)) or SimpleNamespace(info=SimpleNamespace(run_id="7f"))
        ),
        log_params=lambda values: calls.append(("mlflow", "settings", values)),
        log_metrics=lambda values, step: calls.append(("mlflow", step, values)),
        end_run=lambda status: calls.append(("mlflow", "end", status)),
    )
    return calls


def test_each_is_told_of_every_step_and_goes_on_with_a_resumed_run(told, tmp_path):
    names = ("wandb", "trackio", "mlflow")
    config = tiny_config(tmp_path / "run", trackers=names, steps=2, **VALIDATED)
    tiny_run(config)
    row = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[1])
    for name in names:
        own = [call for call in told if call[0] == name]
        steps = [call[1] for call in own if isinstance(call[1], int)]
        assert steps == [1, 2, 2]  # the second, and what its validation found
        second = next(call[2] for call in own if call[1] == 2)
        assert second["loss"] == row["loss"]
        assert "by_mode/gt_only/rollouts" in second
        assert any("validation/deployed_exploited" in call[2] for call in own if isinstance(call[1], int))
        assert own[-1][1] == "end"
    tiny_run(tiny_config(tmp_path / "run", trackers=names, steps=3, resume=tmp_path / "run", **VALIDATED))
    ids = [call[2]["id"] for call in told if call[:2] == ("wandb", "begin")]
    assert ids == [(tmp_path / "run" / "wandb-id.txt").read_text().strip()] * 2
    names = [call[2]["name"] for call in told if call[:2] == ("trackio", "begin")]
    assert names[0] == names[1]
    assert names[0].startswith("run-")
    begun = [call[2] for call in told if call[:2] == ("mlflow", "begin")]
    assert begun == [None, "7f"]
    assert sum(call[:2] == ("mlflow", "settings") for call in told) == 1


def test_one_that_fails_ends_nothing(monkeypatch, tmp_path, caplog):
    class Failing:
        def __init__(self, run):
            self.seen = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            raise AssertionError("it was dropped before")

        def add(self, row):
            raise OSError("the network is gone")

    def closed(run):
        raise OSError("no login")

    module(monkeypatch, "plugin", Failing=Failing, closed=closed)
    monkeypatch.setitem(registry.TRACKERS, "failing", "plugin:Failing")
    monkeypatch.setitem(registry.TRACKERS, "closed", "plugin:closed")
    plain = tiny_run(tiny_config(tmp_path / "plain", steps=2))
    told = tiny_run(tiny_config(tmp_path / "told", steps=2, trackers=("failing", "closed")))
    for name in ("metrics.jsonl", "eval.json"):
        assert (plain.run_dir / name).read_bytes() == (told.run_dir / name).read_bytes()


def test_a_missing_package_is_said_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.delitem(sys.modules, "vgrout.train.tracking.wandb", raising=False)
    with pytest.raises(ConfigError, match=r"trackers: wandb needs a package .*\n.*vgrout\[wandb\]"):
        tiny_run(tiny_config(tmp_path / "run", trackers=("console", "wandb")))
    assert not (tmp_path / "run").exists()


def test_tensorboard_writes_event_files(tmp_path):
    pytest.importorskip("tensorboard")
    tiny_run(tiny_config(tmp_path / "run", trackers=("tensorboard",), steps=1))
    assert list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))


def test_numbers_are_named_by_where_they_stand():
    row = {"schema": 1, "step": 3, "loss": 0.5, "low": None, "by": {"a": {"n": 2}}, "mode": "x"}
    assert numbers(row) == {"loss": 0.5, "by/a/n": 2.0}


def test_validation_changes_nothing_of_the_training(tmp_path):
    plain = tiny_run(tiny_config(tmp_path / "plain", env__fractions=VALIDATED["env__fractions"]))
    asked = tiny_run(tiny_config(tmp_path / "asked", **VALIDATED))
    for name in ("metrics.jsonl", "rollouts.jsonl", "eval.json"):
        assert (plain.run_dir / name).read_bytes() == (asked.run_dir / name).read_bytes()
    assert not (plain.run_dir / "validation.jsonl").exists()
    rows = list(read_records(asked.run_dir / "validation.jsonl", VALIDATION))
    assert [row["step"] for row in rows] == [2, 4]
    for row in rows:
        assert row["hinted_answers"] == row["plain_answers"] == 2  # eval.problems times eval.samples
        assert 0 <= row["deployed_solved_hinted"] <= 2


def test_a_resumed_runs_validations_are_those_of_an_uninterrupted_one(tmp_path):
    every = VALIDATED | {"eval__every": 1}
    whole = tiny_run(tiny_config(tmp_path / "whole", **every))
    tiny_run(tiny_config(tmp_path / "cut", **every, steps=3, checkpoint_every=2))
    (tmp_path / "cut" / "checkpoint.pt").unlink()  # back to step 2, whose rows stay and no later ones
    tiny_run(tiny_config(tmp_path / "cut", **every, resume=tmp_path / "cut"))
    asked, expected = ((path / "validation.jsonl").read_text() for path in (tmp_path / "cut", whole.run_dir))
    assert asked == expected
    assert [row["step"] for row in read_records(whole.run_dir / "validation.jsonl", VALIDATION)] == [
        1,
        2,
        3,
        4,
    ]


def test_no_validation_problems_are_said_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match=r"eval\.every: 1, but env\.fractions leaves no validation problem"):
        tiny_run(tiny_config(tmp_path / "run", env__fractions=(0.8, 0.0, 0.2), eval__every=1))
    assert not (tmp_path / "run").exists()
