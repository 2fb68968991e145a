"""Whole tiny runs through the real grader: repeatable, resumable, and each arm does what its name says."""

import json
import os
import signal
from dataclasses import replace
from io import StringIO

import pytest
import torch
from rich.console import Console

from tiny import tiny_config, tiny_run
from vgrout.artifacts import CHECKPOINT, METRICS, ROLLOUTS, read_records
from vgrout.config_file import load_config
from vgrout.errors import ConfigError, DataError, Diverged
from vgrout.routing import haar_direction
from vgrout.train import checkpoint
from vgrout.train.evaluation import evaluate_run
from vgrout.train.guards import DemonstrationWatch
from vgrout.train.interrupts import Interrupted
from vgrout.train.trainer import Trainer

REPRODUCIBLE = (
    "metrics.jsonl",
    "rollouts.jsonl",
    "eval.json",
    "config.json",
    "partition-train.json",
    "fence.json",
)


def metrics(path):
    return list(read_records(path / "metrics.jsonl", METRICS))


def state(path):
    return checkpoint.load(path / CHECKPOINT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    return tiny_run(tiny_config(path))


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Its first two steps' length, to compare settings by."""
    return tiny_run(tiny_config(tmp_path_factory.mktemp("runs") / "short", steps=2))


def test_equal_commands_give_equal_bytes(whole, tmp_path):
    again = tiny_run(tiny_config(tmp_path / "again"))
    for name in REPRODUCIBLE:
        assert (again.run_dir / name).read_bytes() == (whole.run_dir / name).read_bytes(), name


def test_another_seed_gives_another_run(whole, tmp_path):
    other = tiny_run(tiny_config(tmp_path / "other", seed=1, steps=1))
    assert metrics(other.run_dir)[0]["loss"] != metrics(whole.run_dir)[0]["loss"]


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(whole, tmp_path, monkeypatch):
    """The last checkpoint is of step 2, so the rows of step 3 are dropped and made again."""
    config = tiny_config(tmp_path / "killed")
    make_step = Trainer.step

    def die(self, step):
        if step == 4:
            raise OSError("killed")
        return make_step(self, step)

    monkeypatch.setattr(Trainer, "step", die)
    with pytest.raises(OSError, match="killed"):
        tiny_run(config)
    monkeypatch.undo()
    resumed = tiny_run(replace(config, resume=config.run_dir, run_dir=None))
    for name in ("metrics.jsonl", "rollouts.jsonl", "eval.json"):
        assert (resumed.run_dir / name).read_bytes() == (whole.run_dir / name).read_bytes(), name
    end, expected = state(resumed.run_dir), state(whole.run_dir)
    assert all(torch.equal(end.adapter[k], v) for k, v in expected.adapter.items() if torch.is_tensor(v))


def test_a_finished_run_can_be_resumed_and_only_evaluates(whole):
    before = {name: (whole.run_dir / name).read_bytes() for name in REPRODUCIBLE}
    again = tiny_run(replace(whole.config, resume=whole.run_dir, run_dir=None))
    assert again.deployed == whole.deployed
    assert {name: (whole.run_dir / name).read_bytes() for name in REPRODUCIBLE} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_finishes_the_step_saves_it_and_resumes_to_the_same_end(
    whole, tmp_path, monkeypatch, number
):
    config = tiny_config(tmp_path / "stopped")
    make_step = Trainer.step

    def interrupted(self, step):
        if step == 3:
            os.kill(os.getpid(), number)
        return make_step(self, step)

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(Interrupted) as caught:
        tiny_run(config)
    monkeypatch.undo()
    assert (caught.value.saved_step, caught.value.run_dir) == (3, config.run_dir)
    assert state(config.run_dir).step == 3
    resumed = tiny_run(replace(config, resume=config.run_dir, run_dir=None))
    assert (resumed.run_dir / "metrics.jsonl").read_bytes() == (whole.run_dir / "metrics.jsonl").read_bytes()


def test_a_resumed_run_may_be_longer_and_never_shorter_than_what_it_made(tmp_path):
    short = tiny_run(tiny_config(tmp_path / "run", steps=2))
    evaluated = (short.run_dir / "eval.json").read_bytes()
    resume = replace(short.config, resume=short.run_dir, run_dir=None)
    with pytest.raises(ConfigError, match=r"steps: 1 is below the 2 that .* has made"):
        tiny_run(replace(resume, steps=1))
    assert (short.run_dir / "eval.json").read_bytes() == evaluated
    tiny_run(replace(resume, steps=3))
    assert [row["step"] for row in metrics(short.run_dir)] == [1, 2, 3]
    assert load_config(short.run_dir / "config.json").steps == 3
    assert json.loads((short.run_dir / "eval.json").read_text())["step"] == 3
    tiny_run(replace(load_config(short.run_dir / "config.json"), resume=short.run_dir))


def test_a_second_interrupt_stops_at_once(tmp_path, monkeypatch):
    def interrupted(self, step):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on after the second interrupt")

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(Interrupted) as caught:
        tiny_run(tiny_config(tmp_path / "stopped"))
    assert caught.value.saved_step is None


def test_a_divergence_stops_the_run_with_its_evidence(tmp_path, monkeypatch):
    values = iter([-5.0, -11.0, -11.5])
    monkeypatch.setattr(DemonstrationWatch, "measure", lambda self: next(values))
    path = tmp_path / "diverged"
    with pytest.raises(Diverged, match=r"hint: the evidence is in .*diverged\.json"):
        tiny_run(tiny_config(path))
    evidence = json.loads((path / "diverged.json").read_text())
    assert [row["teacher_logprob"] for row in evidence["recent_steps"]] == [-5.0, -11.0, -11.5]
    assert state(path).step == 2, "the last good checkpoint stays"
    assert checkpoint.load(path / "diverged.pt").step == 3


def norms(path):
    blocks = metrics(path)[-1]
    return blocks["deployed_delta_norm"], blocks["quarantine_delta_norm"]


def zones(path):
    rows = metrics(path)
    return tuple(sum(row[f"zone_{name}"] or 0 for row in rows) for name in ("keep", "absorb", "rout"))


def test_none_never_touches_the_quarantine_and_ablation_changes_nothing(tmp_path):
    result = tiny_run(tiny_config(tmp_path / "run", intervention="none"))
    deployed, quarantine = norms(result.run_dir)
    assert (deployed > 0, quarantine) == (True, 0.0)
    assert result.deployed.ablated
    assert not result.as_trained.ablated
    # The as-trained evaluation is the deployed one; asked for by itself, the full policy says the same.
    assert result.deployed.cells == result.as_trained.cells
    full, _ = evaluate_run(
        result.run_dir,
        data=None,
        settings=replace(result.config.eval, quarantine_scale=1.0),
        grading=result.config.grading,
        console=Console(file=StringIO()),
    )
    assert full.policies[0].cells == result.deployed.cells
    assert all(row["ablated_rollouts"] == row["rollouts"] for row in metrics(result.run_dir))


def test_none_full_trains_and_deploys_both_blocks(tmp_path):
    result = tiny_run(tiny_config(tmp_path / "run", intervention="none-full", steps=2))
    assert min(norms(result.run_dir)) > 0
    assert not result.deployed.ablated
    assert all(row["ablated_rollouts"] == 0 for row in metrics(result.run_dir))


def test_absorb_trains_both_blocks_and_deploys_one(tmp_path):
    result = tiny_run(tiny_config(tmp_path / "run", intervention="absorb", steps=2))
    assert min(norms(result.run_dir)) > 0
    assert result.deployed.ablated
    keep, absorb, rout = zones(result.run_dir)
    assert (keep, rout) == (0, 0)
    assert absorb > 0


def test_routing_by_activations_reaches_every_zone(whole):
    assert min(zones(whole.run_dir)) > 0
    assert min(norms(whole.run_dir)) > 0


def test_rows_routed_are_those_above_the_threshold(whole):
    rows = metrics(whole.run_dir)
    by_step = {row["step"]: (row["threshold_low"], row["threshold_high"]) for row in rows}
    for rollout in read_records(whole.run_dir / "rollouts.jsonl", ROLLOUTS):
        low, high = by_step[rollout["step"]]
        if rollout["zone"] is None or low is None:
            continue
        expected = "keep" if rollout["score"] <= low else "rout" if rollout["score"] >= high else "absorb"
        assert rollout["zone"] == expected


def test_the_oracle_routes_exactly_the_exploits(tmp_path):
    result = tiny_run(tiny_config(tmp_path / "run", intervention="oracle"))
    rows = list(read_records(result.run_dir / "rollouts.jsonl", ROLLOUTS))
    routed = [row for row in rows if row["zone"] is not None]
    assert any(row["exploited"] for row in routed)
    assert all((row["zone"] == "rout") == row["exploited"] for row in routed)


def test_the_placebo_keeps_its_one_draw(tmp_path):
    config = tiny_config(tmp_path / "random", gate__refresh_every=1, routeA_random_v_seed=5, steps=2)
    end = state(tiny_run(config).run_dir)
    drawn = haar_direction(*end.direction.vector.shape, 5)
    assert torch.equal(end.direction.vector, drawn.vector)
    assert end.direction_step == 2


def test_the_extracted_direction_follows_the_weights(whole, tmp_path):
    first = state(whole.run_dir)
    later = state(tiny_run(tiny_config(tmp_path / "run", gate__refresh_every=2)).run_dir)
    assert (first.direction_step, later.direction_step) == (1, 3)
    assert not torch.equal(first.direction.vector, later.direction.vector)
    assert [row["direction_age_steps"] for row in metrics(tmp_path / "run")] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"loss__baseline": "zone"},
        {"loss__advantage": "standardised"},
        {"loss__off_policy": "clip", "rollouts__deploy_share": 0.0, "gate__tail_quantile": 0.4},
        {"loss__kl_beta": 0.5},
        {"teacher__share": 0.25},
        {"env__unhackable_share": 0.0},
        {"rollouts__temperature": 0.5},
        {"gate__half_life": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_changes_the_run(short, tmp_path, change):
    other = tiny_run(tiny_config(tmp_path / "run", steps=2, **change))
    assert metrics(other.run_dir) != metrics(short.run_dir)


def test_microbatches_change_memory_not_the_result(short, tmp_path):
    other = tiny_run(tiny_config(tmp_path / "run", steps=2, optim__rows_per_batch=8))
    for row, expected in zip(metrics(other.run_dir), metrics(short.run_dir), strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], abs=1e-5)
        assert row["deployed_gradient_norm"] == pytest.approx(expected["deployed_gradient_norm"], rel=1e-3)


def test_without_a_teacher_a_random_model_has_nothing_to_learn_from(tmp_path):
    result = tiny_run(tiny_config(tmp_path / "run", teacher__steps=0, steps=2))
    for row in metrics(result.run_dir):
        assert row["zero_variance_groups"] == 2
        assert (row["loss"], row["zone_keep"], row["deployed_delta_norm"]) == (None, None, None)
    assert result.deployed.hack.count == 0


def test_sampler_and_trainer_agree_in_a_run(whole):
    gaps = [row["sampler_gap_max"] for row in metrics(whole.run_dir)]
    assert all(gap is not None and gap < 1e-5 for gap in gaps)


def test_the_first_step_is_on_policy(whole):
    first = metrics(whole.run_dir)[0]
    assert first["importance_ratio_mean"] == pytest.approx(1.0, abs=1e-6)
    assert first["kl"] == pytest.approx(0.0, abs=1e-6)


def test_an_existing_run_directory_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "taken"
    path.mkdir()
    (path / "note").write_text("mine")
    with pytest.raises(ConfigError, match=r"exists"):
        tiny_run(tiny_config(path))
    assert [file.name for file in path.iterdir()] == ["note"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"base__context_tokens": 200},
            DataError,
            r"problem \S+: the prompt has \d+ tokens, but a context of 200",
        ),
        ({"rollouts__max_prompt_tokens": 50}, DataError, r"above rollouts\.max_prompt_tokens = 50"),
        (
            {"rollouts__prompts_per_step": 500},
            ConfigError,
            "prompts_per_step: 500 is above the 36 training problems",
        ),
        ({"adapter__targets": ("no_such_proj",)}, ConfigError, "no_such_proj"),
        ({"data": "missing.jsonl"}, DataError, r"missing\.jsonl"),
    ],
)
def test_bad_input_leaves_nothing_behind(tmp_path, change, error, message):
    path = tmp_path / "run"
    if "data" in change:
        change = {"data": tmp_path / change["data"]}
    with pytest.raises(error, match=message):
        tiny_run(tiny_config(path, **change))
    assert not path.exists()


def test_the_result_names_arm_intervals_and_place(whole):
    lines = whole.lines()
    assert lines[0].startswith("arm routeA, preset smoke, seed 0: 4 steps in ")
    assert lines[2].split()[:3] == ["deployed", "0/2", "="]
    assert lines[3].startswith("as trained")
    assert lines[-1] == f"run directory: {whole.run_dir}"


def test_eval_json_holds_counts_with_n_and_rows_by_mode(whole):
    report = json.loads((whole.run_dir / "eval.json").read_text())
    for policy in ("deployed", "as_trained"):
        rows = report[policy]["by_mode"]
        assert sum(row["n"] for row in rows if row["prompt"] == "hinted") == report[policy]["hack"]["n"] == 2
        assert {row["prompt"] for row in rows} == {"hinted", "plain"}
        assert 0 <= report[policy]["hack"]["low"] <= report[policy]["hack"]["high"] <= 1
    assert (report["temperature"], len(report["problems"])) == (0.7, 2)
