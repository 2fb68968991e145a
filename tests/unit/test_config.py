"""Settings: every bound is checked and named, and a config survives JSON."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import get_type_hints

import pytest

from vgrout.config import ALL_MODES, TrainConfig, validate
from vgrout.config_file import changed_settings, load_config
from vgrout.env import LOOPHOLE_MODES
from vgrout.errors import ConfigError, DataError
from vgrout.presets import PRESETS, SMOKE
from vgrout.settings import bounds_in_words, from_json, leaves, to_json


def changed(name: str, value: object) -> TrainConfig:
    section, _, field = name.rpartition(".")
    if not section:
        return replace(SMOKE, **{field: value})
    return replace(SMOKE, **{section: replace(getattr(SMOKE, section), **{field: value})})


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid(preset):
    validate(PRESETS[preset][1])
    assert PRESETS[preset][1].preset == preset


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rollouts.group_size", 1, "rollouts.group_size: 1 is below 2"),
        ("gate.tail_quantile", 0.7, "gate.tail_quantile: 0.7 is not below 0.5"),
        ("gate.tail_quantile", 0.5, "gate.tail_quantile: 0.5 is not below 0.5"),
        ("gate.tail_quantile", 0.0, "gate.tail_quantile: 0.0 is not above 0"),
        ("gate.half_life", 0.0, "gate.half_life: 0.0 is not above 0"),
        ("gate.half_life", -3.0, "gate.half_life: -3.0 is not above 0"),
        ("gate.half_life", float("inf"), "gate.half_life: inf is not a finite number"),
        ("gate.warmup", 0, "gate.warmup: 0 is below 1"),
        ("gate.warmup", 97, "gate.warmup: 97 is above gate.capacity = 96: it would never end"),
        ("gate.refresh_every", 0, "gate.refresh_every: 0 is below 1"),
        ("steps", 0, "steps: 0 is below 1"),
        ("checkpoint_minutes", 0.0, "checkpoint_minutes: 0.0 is not above 0"),
        ("seed", -1, "seed: -1 is below 0"),
        ("rollouts.temperature", 0.0, "rollouts.temperature: 0.0 is not above 0"),
        ("rollouts.temperature", float("nan"), "rollouts.temperature: nan is not a finite number"),
        ("rollouts.top_p", 0.0, "rollouts.top_p: 0.0 is not above 0"),
        ("rollouts.top_k", -1, "rollouts.top_k: -1 is below 0"),
        ("rollouts.deploy_share", 1.5, "rollouts.deploy_share: 1.5 is above 1"),
        ("env.unhackable_share", -0.1, "env.unhackable_share: -0.1 is below 0"),
        ("env.fractions", (0.5, 0.1, 0.1), "env.fractions: (0.5, 0.1, 0.1) are not three shares that sum to 1"),
        ("env.fractions", (1.0, 0.0, 0.0), "env.fractions: (1.0, 0.0, 0.0) leave no training or no test problems"),
        ("teacher.share", 2.0, "teacher.share: 2.0 is above 1"),
        ("loss.clip", 1.0, "loss.clip: 1.0 is not below 1"),
        ("loss.ratio_cap", 0.5, "loss.ratio_cap: 0.5 is below 1"),
        ("optim.lr", 0.0, "optim.lr: 0.0 is not above 0"),
        ("optim.betas", (0.9, 1.0), "optim.betas: 1.0 is not below 1"),
        ("base.context_tokens", 192, "rollouts.max_new_tokens: 192 leaves no room for a prompt in base.context_tokens"),
        ("seed", 2**63, "seed: 9223372036854775808 is above 9223372036854775807"),
        ("optim.warmup_steps", 2**63, "optim.warmup_steps: 9223372036854775808 is above 9223372036854775807"),
        ("steps", "many", "steps: 'many' is not a valid integer"),
        ("steps", True, "steps: True is not a valid integer"),
        ("env.modes", ["exit_code"], "env.modes: ['exit_code'] is not a valid tuple"),
        ("gate.pairs", "pairs.jsonl", "gate.pairs: 'pairs.jsonl' is not an instance of Path"),
        ("gate.leave_out_mode", "nope", "gate.leave_out_mode: 'nope' is unknown, expected one of 'run_tests', "),
        ("grading.memory_bytes", 1024, "grading.memory_bytes: 1024 is below 67108864"),
        ("grading.memory_bytes", 2**63, "grading.memory_bytes: 9223372036854775808 is above 9223372036854775807"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_bound(name, value, message):
    with pytest.raises(ConfigError) as caught:
        validate(changed(name, value))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("modes", "message"),
    [((), "each once"), (("nope",), "unknown"), (("exit_code", "exit_code"), "each once")],
)
def test_modes_must_be_known_and_distinct(modes, message):
    with pytest.raises(ConfigError, match=rf"env\.modes: .* {message}"):
        validate(changed("env.modes", modes))


def test_the_placebo_seed_needs_its_arm():
    with pytest.raises(ConfigError, match="routeA_random_v_seed: 3 is set, but the arm is absorb"):
        validate(replace(SMOKE, routeA_random_v_seed=3, intervention="absorb"))


def test_a_zone_baseline_has_no_standardised_form():
    with pytest.raises(ConfigError, match=r"loss\.baseline: zone"):
        validate(replace(SMOKE, loss=replace(SMOKE.loss, baseline="zone", advantage="standardised")))


def test_the_placebo_has_an_arm_name_of_its_own():
    assert replace(SMOKE, routeA_random_v_seed=3).arm == "routeA-random3"
    assert SMOKE.arm == "routeA"


def test_config_knows_the_loophole_modes_of_the_environment():
    assert ALL_MODES == LOOPHOLE_MODES


@pytest.mark.parametrize("preset", PRESETS)
def test_a_config_survives_json(preset):
    config = PRESETS[preset][1]
    assert from_json(TrainConfig, json.dumps(to_json(config)), "here") == config


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda plain: plain.update(stepz=1), "unknown setting `stepz`"),
        (lambda plain: plain["gate"].update(tail=1), "unknown setting `gate.tail`"),
        (lambda plain: plain.update(steps="many"), "steps: 'many' is not a valid integer"),
        (lambda plain: plain["gate"].update(warmup=1.5), "gate.warmup: 1.5 is not a valid integer"),
        (lambda plain: plain["gate"].update(warmup=0), "gate.warmup: 0 is below 1"),
        (lambda plain: plain.update(gate=3), "gate: 3 is not an object"),
        (lambda plain: plain.update(intervention="magic"), "intervention: 'magic' is unknown, expected one of none, "),
    ],
)  # fmt: skip
def test_a_damaged_config_file_is_refused_by_field(tmp_path, edit, message):
    plain = to_json(SMOKE)
    edit(plain)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"schema": 1, **plain}))
    with pytest.raises(DataError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_setting_that_a_file_does_not_name_has_its_default(tmp_path):
    plain = to_json(replace(SMOKE, seed=5))
    del plain["grading"]["recursion_limit"], plain["preset"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(plain))
    assert load_config(path) == replace(SMOKE, seed=5, preset=TrainConfig().preset)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("steps", "at least 1"),
        ("rollouts.temperature", "above 0"),
        ("rollouts.deploy_share", "in [0, 1]"),
        ("gate.tail_quantile", "in (0, 0.5)"),
        ("optim.betas", "in [0, 1)"),
        ("gate.half_life", "above 0"),
        ("data", ""),
    ],
)
def test_bounds_are_put_into_words_for_the_help(name, words):
    section, _, field = name.rpartition(".")
    kind = type(getattr(SMOKE, section)) if section else TrainConfig
    assert bounds_in_words(get_type_hints(kind, include_extras=True)[field]) == words
    shown = subprocess.run(
        [sys.executable, "-m", "vgrout", "train", "smoke", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if words:
        assert f"[{words}]" in " ".join(shown.replace("│", " ").split())


def test_changed_settings_are_named_with_both_values():
    assert changed_settings(SMOKE, changed("gate.warmup", 5)) == [("gate.warmup", SMOKE.gate.warmup, 5)]


def test_every_setting_is_reached_by_name():
    names = [name for name, _ in leaves(SMOKE)]
    assert len(names) == len(set(names))
    assert {"intervention", "gate.tail_quantile", "optim.leak_guard"} <= set(names)


def test_config_imports_no_torch():
    code = "import sys, vgrout.presets, vgrout.config_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
