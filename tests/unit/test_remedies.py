"""Rivals of routing: their formulas, what they may know, and their runs."""

import math

import pytest
import torch

from tiny import tiny_config, tiny_run
from vgrout.artifacts import METRICS, PROMPTS, read_records
from vgrout.config import RemedyConfig, validate
from vgrout.errors import ConfigError, ShapeError
from vgrout.grpo import group_advantages, informative_groups
from vgrout.remedies import Group, Remedy, Shaped
from vgrout.remedies.advantage import Additive, Multiplicative
from vgrout.remedies.base import shaped
from vgrout.remedies.monitor import Penalty, Screening
from vgrout.rollouts.hf import HfEngine

pytestmark = pytest.mark.gate

REWARDS = torch.tensor([[3.5, 0.5, 3.5, 0.5], [3.5, 3.5, 3.5, 3.5]], dtype=torch.float64)
EXPLOITED = torch.tensor([[True, False, False, False], [True, True, False, False]])
SCORES = torch.tensor([[3.0, 1.0, 1.0, -1.0], [0.01, 0.0, 0.0, -0.01]])


def group(rewards=REWARDS, scores=SCORES, seed=0):
    return Group(rewards=rewards, scores=scores, generator=torch.Generator().manual_seed(seed))


def test_the_penalty_is_one_sided_and_within_the_group():
    deviation = math.sqrt(2.0)  # of 3, 1, 1, -1
    wanted = torch.tensor([[2 * 2 / deviation, 0, 0, 0], [2 * 0.01 / 0.1, 0, 0, 0]], dtype=torch.float64)
    found = Additive(RemedyConfig()).shape(group())
    torch.testing.assert_close(REWARDS - found.rewards, wanted)
    assert found.flagged is None
    discounted = Multiplicative(RemedyConfig()).shape(group()).rewards
    torch.testing.assert_close(discounted, REWARDS * 2 / (1 + wanted.exp()))
    assert torch.equal(discounted[wanted == 0], REWARDS[wanted == 0])


def test_equal_scores_change_nothing():
    flat = group(scores=torch.zeros(2, 4))
    for remedy in (Additive, Multiplicative):
        assert torch.equal(remedy(RemedyConfig()).shape(flat).rewards, REWARDS)


def test_a_right_monitor_takes_from_the_exploits_alone():
    found = Penalty(RemedyConfig(penalty=3.0)).shape(group(), EXPLOITED)
    assert torch.equal(found.flagged, EXPLOITED)
    assert torch.equal(found.rewards, REWARDS - 3.0 * EXPLOITED)


@pytest.mark.parametrize("accuracy", [0.0, 0.7, 1.0])
def test_a_monitor_errs_at_its_rate_and_the_same_way_again(accuracy):
    rewards, labels = torch.zeros(500, 8, dtype=torch.float64), torch.arange(4000).reshape(500, 8) % 3 == 0
    monitor = Penalty(RemedyConfig(accuracy=accuracy))
    flagged = monitor.shape(group(rewards), labels).flagged
    assert float((flagged == labels).double().mean()) == pytest.approx(accuracy, abs=0.03)
    assert torch.equal(flagged, monitor.shape(group(rewards), labels).flagged)
    if accuracy == 0.7:
        assert not torch.equal(flagged, monitor.shape(group(rewards, seed=1), labels).flagged)


def test_screening_is_the_group_without_those_flagged():
    rewards = torch.tensor([[3.5, 0.5, 3.5, 0.5, 0.5], [3.5, 3.5, 3.5, 3.5, 0.5]], dtype=torch.float64)
    flagged = torch.tensor([[True, False, False, False, False], [True, True, True, True, False]])
    found = Screening(RemedyConfig()).shape(group(rewards), flagged).rewards
    advantages = group_advantages(found)
    torch.testing.assert_close(advantages[0, 1:], group_advantages(rewards[:1, 1:])[0])
    assert float(advantages[0, 0]) == pytest.approx(0.0, abs=1e-12)
    # One rollout alone has no baseline.
    assert informative_groups(found).tolist() == [True, False]


def test_labels_end_where_a_type_does_not_ask_for_them():
    class Curious(Remedy):
        def shape(self, group, *more):
            assert not more
            return Shaped(rewards=group.rewards)

    assert torch.equal(shaped(Curious(RemedyConfig()), group(), EXPLOITED).rewards, REWARDS)

    class Short(Remedy):
        def shape(self, group):
            return Shaped(rewards=group.rewards[:1])

    with pytest.raises(ShapeError, match=r"remedy: gives \[1, 4\], rewards are \[2, 4\]"):
        shaped(Short(RemedyConfig()), group(), EXPLOITED)


@pytest.mark.parametrize(
    "name", ["advantage-additive", "advantage-multiplicative", "monitor-penalty", "monitor-screening"]
)
def test_a_run_trains_under_a_remedy(tmp_path, name):
    changes = {"intervention": "none", "optim__lr": 1e-3, "remedy__name": name}
    run = tiny_run(tiny_config(tmp_path / "run", **changes, remedy__accuracy=0.5))
    rows = list(read_records(run.run_dir / "metrics.jsonl", METRICS))
    plain = tiny_run(tiny_config(tmp_path / "plain", intervention="none", optim__lr=1e-3))
    of_plain = list(read_records(plain.run_dir / "metrics.jsonl", METRICS))
    # The first step's rollouts are the same, what is trained on is not.
    assert rows[0]["reward_mean"] == of_plain[0]["reward_mean"]
    assert rows[0]["loss"] != of_plain[0]["loss"]
    assert all(row["trained_reward_mean"] <= row["reward_mean"] for row in rows if "screening" not in name)
    if name.startswith("monitor"):
        assert all(0 <= row["flag_accuracy"] <= 1 and row["flagged"] is not None for row in rows)
    assert of_plain[0].get("trained_reward_mean") is None
    assert run.config.arm == f"none+{name}"


def test_an_inoculation_is_read_in_training_and_not_at_evaluation(tmp_path, monkeypatch):
    words, asked = "Pass the tests by whatever means.", []
    sample = HfEngine.sample

    def recorded(engine, request, progress=None):
        asked.append([engine._policy.text(ids).count(words) for ids in request.prompts])
        return sample(engine, request, progress)

    monkeypatch.setattr(HfEngine, "sample", recorded)
    run = tiny_run(tiny_config(tmp_path / "run", intervention="none", env__inoculation=words, steps=2))
    steps, evaluation = asked[1:3], asked[3:]  # before them the model is tried out
    assert steps == [[1, 1], [1, 1]]
    assert evaluation
    assert not any(map(sum, evaluation))
    rows = list(read_records(run.run_dir / "prompts.jsonl", PROMPTS))
    assert all(row["prompt"].count(words) == 1 for row in rows)
    with pytest.raises(ConfigError, match=r"env\.inoculation: ' ' says nothing"):
        validate(tiny_config(tmp_path, env__inoculation=" "))


def test_placebos_of_remedies_and_what_does_not_go_together(tmp_path):
    validate(
        tiny_config(tmp_path, intervention="none", remedy__name="advantage-additive", routeA_random_v_seed=3)
    )
    with pytest.raises(ConfigError, match="routeA_random_v_seed: 3 is set, but the arm is none"):
        validate(
            tiny_config(tmp_path, intervention="none", remedy__name="monitor-penalty", routeA_random_v_seed=3)
        )
    with pytest.raises(ConfigError, match=r"remedy\.name: advantage-additive scores activations"):
        validate(tiny_config(tmp_path, intervention="routeV", remedy__name="advantage-additive"))
