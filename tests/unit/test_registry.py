"""Engines, arms, remedies, losses and trackers: each is one file and one line in one table, and nothing else is touched."""

import ast
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tiny import tiny_config, tiny_run
from vgrout import registry
from vgrout.artifacts import METRICS, ROLLOUTS, read_records
from vgrout.errors import ConfigError
from vgrout.grpo import dr_grpo_loss
from vgrout.remedies import Remedy, Shaped
from vgrout.rollouts.hf import HfEngine
from vgrout.routing.gates import KEEP, ROUT, Gate, decide


@pytest.fixture
def plugin(monkeypatch):
    """The one new file; the tests add to its tables' lines."""
    module = ModuleType("plugin")
    monkeypatch.setitem(sys.modules, "plugin", module)

    def put(table, name, implementation):
        setattr(module, name, implementation)
        monkeypatch.setitem(table, name, f"plugin:{name}")

    return put


def metrics(run):
    return list(read_records(run.run_dir / "metrics.jsonl", METRICS))


def test_an_engine_is_one_file_and_one_line(plugin, tmp_path):
    told = []

    class Terse(HfEngine):
        def sample(self, request, progress=None):
            answers = super().sample(request, progress)
            return tuple(
                replace(answer, completion=answer.completion[:3], logprobs=answer.logprobs[:3])
                for answer in answers
            )

        def sync(self, step):
            told.append(step)

        def close(self):
            told.append("closed")

    plugin(registry.ENGINES, "terse", Terse)
    run = tiny_run(tiny_config(tmp_path / "run", rollouts__engine="terse", steps=2))
    own = [row for row in read_records(run.run_dir / "rollouts.jsonl", ROLLOUTS) if row["source"] == "policy"]
    assert {row["completion_tokens"] for row in own} == {3}
    assert told == [1, 2, 3, "closed"]  # before each step, before the evaluation, at the end


def test_an_arm_is_one_file_and_one_line(plugin, tmp_path):
    class Alternate(Gate):
        def route(self, scored):
            zones = torch.full((len(scored.pooled),), KEEP, dtype=torch.int8)
            zones[1::2] = ROUT
            return decide(zones, scored.pooled.device)

    plugin(registry.ARMS, "alternate", Alternate)
    run = tiny_run(tiny_config(tmp_path / "run", intervention="alternate", steps=2))
    for row in metrics(run):
        assert row["zone_keep"] - row["zone_rout"] in {0, 1}
        assert row["zone_absorb"] == 0


def test_a_remedy_is_one_file_and_one_line(plugin, tmp_path):
    class Halved(Remedy):
        def shape(self, group):
            return Shaped(rewards=group.rewards / 2)

    plugin(registry.REMEDIES, "halved", Halved)
    run = tiny_run(tiny_config(tmp_path / "run", remedy__name="halved", steps=2))
    for row in metrics(run):
        assert row["trained_reward_mean"] == row["reward_mean"] / 2


def test_a_loss_is_one_file_and_one_line(plugin, tmp_path):
    def nothing(inputs):
        outputs = dr_grpo_loss(inputs)
        return type(outputs)(**{**vars(outputs), "loss": 0.0 * outputs.loss})

    plugin(registry.LOSSES, "nothing", nothing)
    run = tiny_run(tiny_config(tmp_path / "run", loss__objective="nothing", steps=1))
    assert metrics(run)[0]["deployed_gradient_norm"] == 0.0


def test_a_tracker_is_one_file_and_one_line(plugin, tmp_path):
    seen = []

    class Notes:
        def __init__(self, run):
            seen.append(run.config.steps)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            seen.append("left")

        def add(self, row):
            seen.append(row["step"])

    plugin(registry.TRACKERS, "notes", Notes)
    tiny_run(tiny_config(tmp_path / "run", trackers=("notes", "console"), steps=2))
    assert seen == [2, 1, 2, "left"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intervention": "magic"}, r"intervention: 'magic' is unknown, expected one of none, "),
        ({"rollouts__engine": "magic"}, r"rollouts\.engine: 'magic' is unknown, expected one of hf"),
        ({"loss__objective": "magic"}, r"loss\.objective: 'magic' is unknown, expected one of dr-grpo, grpo"),
        ({"trackers": ("magic",)}, r"trackers: 'magic' is unknown, expected one of console"),
    ],
)
def test_a_name_that_is_in_no_table_is_refused(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        tiny_run(tiny_config(tmp_path / "run", **change))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "table", [registry.ENGINES, registry.ARMS, registry.REMEDIES, registry.LOSSES, registry.TRACKERS]
)
def test_every_line_of_a_table_names_something_that_is_there(table):
    for name in table:
        module, _, attribute = table[name].partition(":")
        try:
            assert callable(registry.load(table, name, "setting"))
        except ImportError:  # another program's tracker, which is not installed here
            source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
            assert attribute in {
                node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)
            }
