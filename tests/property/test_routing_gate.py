"""The quantile gate against NumPy for any stream of scores; direction arithmetic for any activations."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from vgrout.routing import (
    ActivationGate,
    Scored,
    direction_from_activations,
    haar_direction,
    measure_direction,
)

pytestmark = pytest.mark.gate

values = st.floats(-100, 100, width=32)


@given(
    batches=st.lists(st.lists(values, min_size=0, max_size=8), min_size=1, max_size=6),
    tail=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.49]),
    warmup=st.integers(1, 20),
    capacity=st.integers(20, 30),
    refresh=st.integers(0, 5),
)
def test_zones_equal_a_numpy_gate_over_the_window(batches, tail, warmup, capacity, refresh):
    gate = ActivationGate.build(3, 2, capacity=capacity, tail_quantile=tail, warmup=warmup)
    direction = haar_direction(3, 2, 0)
    gate.set_direction(direction)
    window = np.zeros((0, 6), dtype=np.float32)
    for step, batch in enumerate(batches):
        if step == refresh:
            direction = haar_direction(3, 2, 1)
            gate.set_direction(direction)
        pooled = torch.tensor(batch, dtype=torch.float32)[:, None, None] * torch.linspace(-1, 1, 6).reshape(
            1, 3, 2
        )
        pooled = pooled + torch.arange(len(batch))[:, None, None] * 0.01
        decision = gate.route(Scored(pooled=pooled))
        rows = pooled.flatten(1).numpy()
        window = np.concatenate([window, rows])[-capacity:]
        v = direction.vector.flatten().double().numpy()
        np.testing.assert_allclose(decision.scores.numpy(), rows.astype(np.float64) @ v, rtol=1e-5, atol=1e-4)
        assert decision.buffer_fill == len(window)
        if len(window) < warmup:
            assert decision.low is None
            assert decision.zone_names == ("absorb",) * len(batch)
            continue
        low, high = np.quantile(window.astype(np.float64) @ v, [tail, 1 - tail])
        np.testing.assert_allclose([decision.low, decision.high], [low, high], rtol=1e-5, atol=1e-4)
        for score, zone in zip(decision.scores.tolist(), decision.zone_names, strict=True):
            kept, routed = score <= decision.low, score >= decision.high
            assert zone == ("absorb" if kept == routed else "keep" if kept else "rout")


activations = st.integers(0, 10_000).map(
    lambda seed: torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(seed))
)


@given(pair=activations, scale=st.floats(0.01, 100))
def test_the_direction_is_invariant_to_scale_and_shift_and_odd_under_swap(pair, scale):
    hack, clean = pair
    one = direction_from_activations(hack, clean, haar_draws=1)
    moved = direction_from_activations(scale * hack + 3.0, scale * clean + 3.0, haar_draws=1)
    swapped = direction_from_activations(clean, hack, haar_draws=1)
    torch.testing.assert_close(moved.vector, one.vector, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(swapped.vector, -one.vector)
    assert swapped.paired_accuracy == one.paired_accuracy
    assert abs(swapped.auroc - one.auroc) < 1e-12


@given(pair=activations, seed=st.integers(0, 1000))
def test_auroc_counts_pairs_as_the_definition_does(pair, seed):
    hack, clean = pair
    vector = haar_direction(3, 4, seed).vector
    found = measure_direction(vector, hack, clean, haar_draws=0)
    h = (hack.double() * vector.double()).sum(dim=(1, 2)).tolist()
    c = (clean.double() * vector.double()).sum(dim=(1, 2)).tolist()
    assume(len(set(h + c)) == 12)
    assert found.auroc == sum(x > y for x in h for y in c) / 36
    assert found.paired_accuracy == sum(x > y for x, y in zip(h, c, strict=True)) / 6
