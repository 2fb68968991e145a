"""Advantages, chunked head and loss for any sizes and values."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vgrout.grpo import (
    LossInputs,
    StepSize,
    dr_grpo_loss,
    group_advantages,
    informative_groups,
    rows_of_groups,
    token_logprobs_and_entropy,
    zone_advantages,
)

pytestmark = pytest.mark.gate

seeds = st.integers(0, 10_000)


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(
    n=st.integers(0, 6),
    d=st.integers(1, 5),
    v=st.integers(1, 20),
    tokens=st.integers(1, 7),
    vocabulary=st.integers(1, 21),
    temperature=st.floats(0.1, 3),
    scale=st.sampled_from([1.0, 30.0]),
    seed=seeds,
)
def test_the_chunked_head_is_the_full_softmax(n, d, v, tokens, vocabulary, temperature, scale, seed):
    hidden, weight = scale * draw(seed, n, d), draw(seed + 1, v, d)
    targets = torch.randint(0, v, (n,), generator=torch.Generator().manual_seed(seed))
    left, right = hidden.clone().requires_grad_(True), hidden.clone().requires_grad_(True)
    logs = torch.log_softmax(right @ weight.T / temperature, dim=1)
    want = logs.gather(1, targets[:, None])[:, 0]
    got, entropy = token_logprobs_and_entropy(
        left, weight, targets, temperature=temperature, chunk_tokens=tokens, chunk_vocab=vocabulary
    )
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(entropy, -(logs.exp() * logs).sum(dim=1).detach(), rtol=1e-8, atol=1e-8)
    cotangent = draw(seed + 2, n)
    (got * cotangent).sum().backward()
    (want * cotangent).sum().backward()
    torch.testing.assert_close(left.grad, right.grad, rtol=1e-9, atol=1e-9)


rewards = st.integers(1, 5).flatmap(
    lambda p: st.integers(2, 6).flatmap(
        lambda g: st.lists(
            st.lists(st.sampled_from([0.0, 0.5, 3.5, 0.1]), min_size=g, max_size=g), min_size=p, max_size=p
        )
    )
)


@given(rows=rewards)
def test_advantages_sum_to_zero_and_vanish_exactly_where_a_group_agrees(rows):
    values = torch.tensor(rows)
    advantages = group_advantages(values)
    torch.testing.assert_close(advantages.sum(dim=1), torch.zeros(len(rows)), rtol=0, atol=1e-5)
    for row, advantage, informative in zip(rows, advantages, informative_groups(values), strict=True):
        assert bool(informative) == (len(set(row)) > 1)
        assert bool(advantage.any()) == (len(set(row)) > 1)
    kept = rows_of_groups(informative_groups(values), values.shape[1])
    assert set(advantages.flatten().nonzero().flatten().tolist()) <= set(kept.tolist())


@given(rows=rewards, seed=seeds)
def test_the_zone_baseline_leaves_routed_rows_alone_and_centres_the_others(rows, seed):
    values = torch.tensor(rows)
    routed = draw(seed, *values.shape) > 0.3
    got, plain = zone_advantages(values, routed), group_advantages(values)
    assert torch.equal(got[routed], plain[routed])
    for g, keep in zip(got, ~routed, strict=True):
        torch.testing.assert_close(g[keep].sum(), torch.tensor(0.0), rtol=0, atol=1e-5)
    assert torch.equal(zone_advantages(values, torch.ones_like(routed)), plain)


@given(b=st.integers(1, 5), length=st.integers(1, 5), seed=seeds, off=st.booleans(), beta=st.floats(0, 2))
def test_the_loss_equals_a_loop_over_tokens(b, length, seed, off, beta):
    logprobs, old, reference = (0.5 * draw(seed + i, b, length) - 2 for i in range(3))
    advantages, mask = draw(seed + 3, b), draw(seed + 4, b, length) > -0.5
    rows = (draw(seed + 5, b) > 0) if off else None
    out = dr_grpo_loss(
        LossInputs(
            logprobs=logprobs.requires_grad_(True),
            old_logprobs=old,
            advantages=advantages,
            completion_mask=mask,
            size=StepSize(rows=1, tokens=1, slots=7),
            reference_logprobs=reference,
            off_policy=rows,
            kl_beta=beta,
        )
    )
    total = torch.zeros((), dtype=torch.float64)
    for i in range(b):
        for j in range(length):
            if mask[i, j]:
                lp, a = logprobs[i, j], advantages[i]
                ratio = (lp - old[i, j]).exp()
                if rows is not None and rows[i]:
                    surrogate = min(ratio.item(), 2.0) * a * (lp - lp.detach()).exp()
                else:
                    surrogate = torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a)
                gap = reference[i, j] - lp
                total = total - surrogate + beta * (gap.exp() - gap - 1)
    total = total / 7.0
    torch.testing.assert_close(out.loss, total, rtol=1e-10, atol=1e-12)
    got = torch.autograd.grad(out.loss, logprobs)[0]
    want = torch.autograd.grad(total, logprobs)[0] if total.requires_grad else torch.zeros_like(got)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-11)
    assert out.kl >= -1e-12
