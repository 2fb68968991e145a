"""The three leaks between the blocks: each shown open under plain AdamW and closed under `BlockOptimizer`."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapter_models import mask_of, one_linear, randomise
from vgrout.adapters import BlockOptimizer, Lora2r, qmass
from vgrout.errors import ConfigError, DataError, Diverged

pytestmark = pytest.mark.gate

ZONE_WITHOUT = {"quarantine": "k", "deployed": "r"}
"""The zone that gives a block no gradient."""


def setup(seed, dtype=torch.float32, **options):
    model = one_linear(7, 5, dtype, seed=seed)
    adapter = Lora2r.attach(model, r=2, seed=seed)
    randomise(adapter, seed=seed)
    return model, adapter, BlockOptimizer(adapter, **({"lr": 0.05, "weight_decay": 0.3} | options))


def backward(model, adapter, zones, seed, scale=1.0):
    x = torch.randn(len(zones), 3, 7, generator=torch.Generator().manual_seed(seed)).to(model.q_proj.weight)
    with adapter.routing(mask_of(zones)):
        (scale * model(x).square().sum()).backward()


def snapshot(adapter, optimizer, block):
    """Weights, moments and step counts of one block, as bits."""
    return [
        (p.detach().clone(), *(value.clone() for _, value in sorted(optimizer.optimizer.state[p].items())))
        for p in adapter.blocks()[block]
    ]


def same(one, two) -> bool:
    return all(torch.equal(a, b) for x, y in zip(one, two, strict=True) for a, b in zip(x, y, strict=True))


blocks = st.sampled_from(sorted(ZONE_WITHOUT))
seeds = st.integers(0, 10_000)
warm = st.lists(st.sampled_from(["aa", "ar", "ka", "kr", "kk", "rr"]), min_size=1, max_size=4)


@given(block=blocks, seed=seeds, history=warm, none=st.booleans())
def test_a_block_without_gradient_is_bit_identical_after_a_step(block, seed, history, none):
    model, adapter, optimizer = setup(seed)
    for step, zones in enumerate(["aa", *history]):
        backward(model, adapter, zones, seed + step)
        optimizer.clip_per_block(1.0)
        optimizer.step()
        optimizer.zero_grad()
    before = snapshot(adapter, optimizer, block)
    other = "deployed" if block == "quarantine" else "quarantine"
    moving = snapshot(adapter, optimizer, other)
    backward(model, adapter, ZONE_WITHOUT[block] * 2, seed + 77)
    if none:
        for parameter in adapter.blocks()[block]:
            assert not parameter.grad.any()
            parameter.grad = None
    norms = optimizer.clip_per_block(1.0)
    optimizer.step()
    assert norms[block] == 0.0
    assert qmass(norms) == (0.0 if block == "quarantine" else 1.0)
    assert same(before, snapshot(adapter, optimizer, block))
    assert not same(moving, snapshot(adapter, optimizer, other))


@pytest.mark.parametrize("block", sorted(ZONE_WITHOUT))
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_without_the_guard_moments_and_decay_move_it(block, weight_decay):
    """So that the test above can fail: AdamW with zero gradients still pushes, with or without decay."""
    model, adapter, optimizer = setup(3, guard=False, weight_decay=weight_decay)
    backward(model, adapter, "aa", 0)
    optimizer.step()
    optimizer.zero_grad()
    before = snapshot(adapter, optimizer, block)
    backward(model, adapter, ZONE_WITHOUT[block] * 2, 1)
    optimizer.step()
    assert not any(
        torch.equal(old[0], new[0])
        for old, new in zip(before, snapshot(adapter, optimizer, block), strict=True)
    )


def test_without_the_guard_decay_alone_moves_it():
    model, adapter, optimizer = setup(3, guard=False)
    before = snapshot(adapter, optimizer, "quarantine")
    backward(model, adapter, "kk", 1)
    optimizer.step()
    after = snapshot(adapter, optimizer, "quarantine")
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new[0], old[0] * (1 - 0.05 * 0.3))


@given(seed=seeds, large=st.floats(1e2, 1e6))
def test_one_blocks_gradient_never_scales_the_others(seed, large):
    _, adapter, optimizer = setup(seed)
    generator = torch.Generator().manual_seed(seed)
    for block, scale in (("deployed", 0.1), ("quarantine", large)):
        for parameter in adapter.blocks()[block]:
            parameter.grad = scale * torch.rand(parameter.shape, generator=generator)
    small = [p.grad.clone() for p in adapter.blocks()["deployed"]]
    optimizer.clip_per_block(1.0)
    assert norm(adapter, "quarantine") == pytest.approx(1.0, rel=1e-5)
    if math.sqrt(sum(float(g.square().sum()) for g in small)) <= 1.0:
        assert all(torch.equal(p.grad, g) for p, g in zip(adapter.blocks()["deployed"], small, strict=True))
    else:
        assert norm(adapter, "deployed") == pytest.approx(1.0, rel=1e-5)


def norm(adapter, block) -> float:
    return math.sqrt(sum(float(p.grad.square().sum()) for p in adapter.blocks()[block]))


def test_a_global_clip_shrinks_the_deployed_block_by_the_quarantines_gradient():
    """So that the test above can fail: this is the coupling that a global norm has."""
    model, adapter, _ = setup(1)
    backward(model, adapter, "kk", 0, scale=1e-4)
    backward(model, adapter, "rr", 1, scale=1e4)
    before = norm(adapter, "deployed")
    assert before < 1.0
    torch.nn.utils.clip_grad_norm_(list(adapter.parameters()), 1.0)
    assert norm(adapter, "deployed") < 0.01 * before


def test_a_tiny_gradient_is_a_gradient():
    """Its square underflows; the guard must not take it for none."""
    _, adapter, optimizer = setup(0)
    for parameter in adapter.parameters():
        parameter.grad = torch.full_like(parameter, 1e-30)
    before = snapshot(adapter, optimizer, "deployed")
    optimizer.step()
    assert not torch.equal(before[0][0], snapshot(adapter, optimizer, "deployed")[0][0])


@given(seed=seeds, history=st.lists(st.sampled_from(["aa", "kr", "ar"]), min_size=1, max_size=4))
def test_with_gradients_in_both_blocks_the_guard_is_plain_adamw(seed, history):
    runs = []
    for guard in (True, False):
        model, adapter, optimizer = setup(seed, guard=guard)
        for step, zones in enumerate(history):
            backward(model, adapter, zones, seed + step)
            optimizer.step()
            optimizer.zero_grad()
        runs.append(adapter.state_dict()["deltas"])
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_clipping_reports_norms_from_before_and_scales_to_the_bound():
    model, adapter, optimizer = setup(0)
    backward(model, adapter, "ar", 0, scale=100.0)
    before = {block: norm(adapter, block) for block in adapter.blocks()}
    assert optimizer.clip_per_block(None) == pytest.approx(before, rel=1e-6)
    assert optimizer.clip_per_block(0.5) == pytest.approx(before, rel=1e-6)
    assert min(before.values()) > 0.5
    assert {block: norm(adapter, block) for block in before} == pytest.approx(
        dict.fromkeys(before, 0.5), rel=1e-5
    )
    assert qmass(before) == pytest.approx(before["quarantine"] / sum(before.values()))
    assert qmass({"deployed": 0.0, "quarantine": 0.0}) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_stops_before_anything_moves(bad):
    model, adapter, optimizer = setup(0)
    backward(model, adapter, "aa", 0)
    kept = [p.grad.clone() for p in adapter.blocks()["deployed"]]
    adapter.blocks()["quarantine"][0].grad[0, 0] = bad
    with pytest.raises(Diverged, match="quarantine"):
        optimizer.clip_per_block(1e-3)
    assert all(torch.equal(p.grad, g) for p, g in zip(adapter.blocks()["deployed"], kept, strict=True))


def test_a_resumed_optimizer_continues_bit_for_bit():
    model, adapter, optimizer = setup(5)
    for step, zones in enumerate(["aa", "kk", "rr"]):
        backward(model, adapter, zones, step)
        optimizer.step()
        optimizer.zero_grad()
    weights, state = adapter.state_dict(), optimizer.state_dict()
    again, other, resumed = setup(5)
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    for m, a, o in ((model, adapter, optimizer), (again, other, resumed)):
        o.set_lr(0.01)
        backward(m, a, "ka", 9)
        o.step()
    assert all(torch.equal(p, q) for p, q in zip(adapter.parameters(), other.parameters(), strict=True))
    with pytest.raises(DataError):
        resumed.load_state_dict({"state": {}, "param_groups": []})


@pytest.mark.parametrize(
    "options", [{"lr": -1.0}, {"lr": math.nan}, {"betas": (1.0, 0.9)}, {"eps": 0.0}, {"weight_decay": -0.1}]
)
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="out of range"):
        setup(0, **options)
    _, _, optimizer = setup(0)
    with pytest.raises(ConfigError, match="max_norm"):
        optimizer.clip_per_block(0.0)
