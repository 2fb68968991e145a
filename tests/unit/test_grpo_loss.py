"""Advantages and loss: values by hand, gradients by formula, exact zeros where the maths is exact."""

import pytest
import torch

from vgrout.errors import ConfigError, ShapeError
from vgrout.grpo import (
    LossInputs,
    StepSize,
    dapo_loss,
    dr_grpo_loss,
    group_advantages,
    grpo_loss,
    gspo_loss,
    informative_groups,
    kl_estimate,
    rows_of_groups,
    standardised_advantages,
    step_size,
    zone_advantages,
)

pytestmark = pytest.mark.gate

REWARDS = torch.tensor([[0.0, 3.5, 0.5, 0.0], [3.5, 3.5, 3.5, 3.5], [0.5, 0.0, 0.5, 0.0]])


def test_advantages_are_rewards_less_the_group_mean():
    want = torch.tensor([[-1.0, 2.5, -0.5, -1.0], [0.0, 0.0, 0.0, 0.0], [0.25, -0.25, 0.25, -0.25]])
    assert torch.equal(group_advantages(REWARDS), want)


def test_equal_rewards_give_exact_zeros_although_the_mean_rounds():
    rewards = torch.full((2, 7), 0.1)
    assert (rewards - rewards.mean(dim=1, keepdim=True)).abs().max() > 0  # the trap is real
    assert torch.equal(group_advantages(rewards), torch.zeros(2, 7))
    assert torch.equal(standardised_advantages(rewards), torch.zeros(2, 7))
    assert torch.equal(zone_advantages(rewards, torch.zeros(2, 7, dtype=torch.bool)), torch.zeros(2, 7))


def test_a_group_of_one_is_refused():
    with pytest.raises(ShapeError, match="G >= 2"):
        group_advantages(torch.zeros(3, 1))


def test_standardised_advantages_divide_by_the_standard_deviation():
    got = standardised_advantages(REWARDS, eps=0.0)[0]
    torch.testing.assert_close(got, group_advantages(REWARDS)[0] / REWARDS[0].std())


def test_the_zone_baseline_centres_honest_rows_on_honest_rows():
    routed = torch.tensor([[False, True, False, False], [False] * 4, [True, False, True, True]])
    want = torch.tensor(
        [
            [-1 / 6, 2.5, 1 / 3, -1 / 6],  # honest mean 1/6; the hack keeps the group's baseline
            [0.0, 0.0, 0.0, 0.0],
            [0.25, 0.0, 0.25, -0.25],  # the only honest row is its own baseline
        ]
    )
    torch.testing.assert_close(zone_advantages(REWARDS, routed), want)


def test_only_groups_with_variance_cost_a_forward():
    groups = informative_groups(REWARDS)
    assert groups.tolist() == [True, False, True]
    assert rows_of_groups(groups, 4).tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert rows_of_groups(torch.tensor([False]), 4).tolist() == []


def inputs(**change):
    generator = torch.Generator().manual_seed(0)
    logprobs = -torch.rand(4, 3, generator=generator, dtype=torch.float64)
    values = {
        "logprobs": logprobs.requires_grad_(True),
        "old_logprobs": logprobs.detach().clone(),
        "advantages": torch.tensor([1.0, -0.5, 2.0, -1.0], dtype=torch.float64),
        "completion_mask": torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.bool),
        "size": StepSize(rows=5, tokens=6, slots=8),
    }
    return LossInputs(**values | change)


def gradient(given: LossInputs, loss=dr_grpo_loss) -> torch.Tensor:
    return torch.autograd.grad(loss(given).loss, given.logprobs)[0]


def test_on_policy_gradient_is_reinforce_over_the_constant_normaliser():
    given = inputs()
    want = -given.advantages[:, None] * given.completion_mask / 8.0
    torch.testing.assert_close(gradient(given), want, rtol=1e-12, atol=0)
    out = dr_grpo_loss(given)
    assert out.clip_fraction == 0.0


def test_a_step_has_rows_tokens_and_slots():
    assert step_size(8, 256, 4, tokens=100) == StepSize(rows=32, tokens=100, slots=8192)
    with pytest.raises(ConfigError):
        step_size(8, 0, 4, tokens=1)


LENGTHS = torch.tensor([[3.0], [2.0], [1.0], [1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "share"),
    [(grpo_loss, 1 / (5 * LENGTHS)), (dapo_loss, 1 / 6), (gspo_loss, 1 / (5 * LENGTHS))],
)
def test_each_objective_weighs_a_token_by_its_own_share(loss, share):
    reference = inputs().old_logprobs + 0.3
    given = inputs()
    want = -given.advantages[:, None] * given.completion_mask * share
    torch.testing.assert_close(gradient(given, loss), want, rtol=1e-12, atol=0)
    pulled = inputs(reference_logprobs=reference, kl_beta=0.5)
    k3 = torch.tensor(0.3, dtype=torch.float64).exp() - 1.3
    difference = loss(pulled).loss - loss(given).loss
    torch.testing.assert_close(difference, 0.5 * k3 * (share * given.completion_mask).sum())


def test_gspo_has_one_ratio_an_answer():
    shift = torch.tensor(
        [[0.3, -0.1, 0.1], [0.2, -0.4, 9.0], [0.01, 9.0, 9.0], [9.0] * 3], dtype=torch.float64
    )
    given = inputs(old_logprobs=inputs().old_logprobs - shift, clip=0.05, clip_high=0.15)
    # Mean shifts .1, -.1 and .01 with advantages 1, -.5 and 2: the second is clipped from below.
    ratio = torch.tensor([[0.1], [0.0], [0.01], [0.0]], dtype=torch.float64).exp()
    ratio[1] = ratio[3] = 0.0
    want = -given.advantages[:, None] * ratio * given.completion_mask / (5 * LENGTHS)
    torch.testing.assert_close(gradient(given, gspo_loss), want, rtol=1e-12, atol=1e-15)
    assert gspo_loss(given).clip_fraction == 2 / 6
    off = torch.tensor([True, False, False, False])
    capped = inputs(old_logprobs=given.old_logprobs, off_policy=off, importance_cap=1.05)
    row = gradient(capped, gspo_loss)[0]
    torch.testing.assert_close(row, torch.full_like(row, -1.05 / 15), rtol=1e-12, atol=0)


def test_the_upper_clip_may_be_wider():
    given = inputs(old_logprobs=inputs().old_logprobs - torch.tensor(1.25, dtype=torch.float64).log())
    assert (gradient(given)[0] == 0).all()
    assert (gradient(inputs(old_logprobs=given.old_logprobs, clip_high=0.28))[0] != 0).all()


def test_kl_estimators_pull_as_their_documents_say():
    generator = torch.Generator().manual_seed(1)
    logits, reference = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    logits.requires_grad_(True)
    logp, ref = logits.log_softmax(0), reference.log_softmax(0)
    forward = (logp.exp() * (logp - ref)).sum()  # KL(policy‖base)
    backward = (ref.exp() * (ref - logp)).sum()  # KL(base‖policy)
    want = {"k1": torch.zeros(7, dtype=torch.float64)}
    want["k2"] = torch.autograd.grad(forward, logits, retain_graph=True)[0]
    want["k3"] = torch.autograd.grad(backward, logits, retain_graph=True)[0]
    for name, expected in want.items():
        # The expectation over tokens that the policy drew, which is not differentiated through.
        loss = (logp.exp().detach() * kl_estimate(ref - logp, name)).sum()
        got = torch.autograd.grad(loss, logits, retain_graph=True)[0]
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-14)
    for name in ("k1", "k3"):
        mean = (logp.exp() * kl_estimate(ref - logp, name)).sum()
        torch.testing.assert_close(mean, forward, rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", [dr_grpo_loss, gspo_loss])
def test_answers_whose_sampler_was_far_off_are_masked(loss):
    base = inputs()
    ratio = torch.tensor([[1.5, 1.5, 0.8], [1.1, 2.0, 7.0], [0.5] * 3, [1.0] * 3], dtype=torch.float64)
    given = inputs(sampler_logprobs=base.old_logprobs - ratio.log(), sampler_rule="sequence-masked")
    weight = torch.tensor([[1.8], [0.0], [0.5], [1.0]], dtype=torch.float64)  # 1.8, 2.2 > 2, 0.5
    want = weight * gradient(base, loss)
    torch.testing.assert_close(gradient(given, loss), want, rtol=1e-12, atol=0)


def test_gspo_truncates_the_samplers_weight_by_the_answer():
    base = inputs()
    ratio = torch.tensor([[8.0, 1.0, 1.0], [4.0, 4.0, 1.0], [0.5] * 3, [1.0] * 3], dtype=torch.float64)
    given = inputs(sampler_logprobs=base.old_logprobs - ratio.log())
    weight = torch.tensor([[2.0], [2.0], [0.5], [1.0]], dtype=torch.float64)
    torch.testing.assert_close(
        gradient(given, gspo_loss), weight * gradient(base, gspo_loss), rtol=1e-12, atol=0
    )


def test_masked_tokens_are_never_read():
    given = inputs()
    poisoned = given.logprobs.detach().clone()
    poisoned[~given.completion_mask] = torch.nan
    other = inputs(
        logprobs=poisoned.requires_grad_(True),
        old_logprobs=poisoned.detach(),
        reference_logprobs=poisoned.detach(),
    )
    assert torch.equal(dr_grpo_loss(given).loss, dr_grpo_loss(other).loss)
    grad = gradient(other)
    assert torch.equal(grad[~given.completion_mask], torch.zeros(6, dtype=torch.float64))


@pytest.mark.parametrize(
    ("ratio", "advantage", "active"),
    [
        (1.3, 1.0, False),
        (1.3, -1.0, True),
        (0.7, 1.0, True),
        (0.7, -1.0, False),
        (1.1, 1.0, True),
        (0.9, -1.0, True),
    ],
)
def test_the_clip_stops_only_steps_that_go_further(ratio, advantage, active):
    logprobs = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
    old = logprobs.detach() - torch.tensor(ratio, dtype=torch.float64).log()
    given = LossInputs(
        logprobs=logprobs,
        old_logprobs=old,
        advantages=torch.tensor([advantage], dtype=torch.float64),
        completion_mask=torch.ones(1, 1, dtype=torch.bool),
        size=StepSize(rows=1, tokens=1, slots=1),
    )
    torch.testing.assert_close(gradient(given).item(), -ratio * advantage if active else 0.0)
    assert dr_grpo_loss(given).clip_fraction == float(not active)


def test_off_policy_rows_use_the_truncated_detached_ratio():
    base = inputs()
    shift = torch.log(torch.tensor([[3.0], [1.5], [0.25], [1.0]], dtype=torch.float64))
    off = torch.tensor([True, True, True, False])
    given = inputs(old_logprobs=base.old_logprobs - shift, off_policy=off)
    weight = torch.tensor([[2.0], [1.5], [0.25], [1.0]], dtype=torch.float64)
    want = -weight * given.advantages[:, None] * given.completion_mask / 8.0
    torch.testing.assert_close(gradient(given), want, rtol=1e-12, atol=1e-15)
    out = dr_grpo_loss(given)
    assert out.clip_fraction == 0.5  # the three capped tokens of row 0, of six
    clipped = inputs(old_logprobs=base.old_logprobs - shift)
    assert not torch.allclose(gradient(clipped), want)


def test_the_samplers_weight_is_truncated_and_one_for_tokens_that_no_engine_drew():
    base = inputs()
    ratio = torch.tensor([[3.0, 0.5, 1.0], [1.5, 1.0, 7.0], [1.0] * 3, [1.0] * 3], dtype=torch.float64)
    sampler = base.old_logprobs - ratio.log()
    sampler[2] = torch.nan
    given = inputs(sampler_logprobs=sampler, old_logprobs=base.old_logprobs)
    weight = ratio.clamp(max=2.0)
    want = -weight * given.advantages[:, None] * given.completion_mask / 8.0
    torch.testing.assert_close(gradient(given), want, rtol=1e-12, atol=0)
    same = inputs(sampler_logprobs=base.old_logprobs)
    assert torch.equal(gradient(same), gradient(base))


def test_kl_is_k3_and_pulls_toward_the_reference():
    base = inputs(advantages=torch.zeros(4, dtype=torch.float64))
    reference = base.old_logprobs + 0.3
    given = inputs(advantages=torch.zeros(4, dtype=torch.float64), reference_logprobs=reference, kl_beta=0.5)
    out = dr_grpo_loss(given)
    k3 = torch.tensor(0.3, dtype=torch.float64).exp() - 0.3 - 1
    torch.testing.assert_close(out.loss, 0.5 * k3 * 6 / 8)
    torch.testing.assert_close(out.kl, k3)
    want = 0.5 * (1 - torch.tensor(0.3, dtype=torch.float64).exp()) * given.completion_mask / 8
    torch.testing.assert_close(gradient(given), want, rtol=1e-12, atol=1e-15)
    assert out.policy_loss == 0.0


@pytest.mark.parametrize("loss", [dr_grpo_loss, grpo_loss, dapo_loss, gspo_loss])
def test_micro_batches_add_up(loss):
    given = inputs(reference_logprobs=inputs().old_logprobs + 0.1)
    parts = [
        loss(
            LossInputs(
                logprobs=given.logprobs[rows],
                old_logprobs=given.old_logprobs[rows],
                advantages=given.advantages[rows],
                completion_mask=given.completion_mask[rows],
                reference_logprobs=given.reference_logprobs[rows],
                size=given.size,
            )
        ).loss
        for rows in (slice(0, 1), slice(1, 4))
    ]
    torch.testing.assert_close(sum(parts), loss(given).loss, rtol=1e-14, atol=0)


def test_an_absurd_ratio_stays_finite():
    given = inputs(
        old_logprobs=inputs().old_logprobs - 500.0, reference_logprobs=inputs().old_logprobs + 500.0
    )
    assert torch.isfinite(dr_grpo_loss(given).loss)
    assert torch.isfinite(gradient(given)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"clip_high": 0.0},
        {"clip": 0.0},
        {"kl_beta": -1.0},
        {"kl_beta": float("nan")},
        {"importance_cap": 0.0},
    ],
)
def test_numbers_out_of_range_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        inputs(**change)
