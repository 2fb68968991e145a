"""The fused module against the naive definition, for any size, mask and layout of rows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapter_models import NaiveLinear, gradients, mask_of, one_linear, randomise
from vgrout.adapters import Lora2r

pytestmark = pytest.mark.gate

sizes = st.integers(1, 9)
zones = st.text(alphabet="kar", min_size=1, max_size=6)


@given(
    d_in=sizes,
    d_out=sizes,
    r=st.integers(1, 4),
    zones=zones,
    length=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_output_input_gradient_and_parameter_gradients_equal_the_naive_ones(
    d_in, d_out, r, zones, length, seed
):
    model = one_linear(d_in, d_out, seed=seed)
    adapter = Lora2r.attach(model, r=r, seed=seed)
    randomise(adapter, seed=seed)
    naive = NaiveLinear(torch.nn.Linear(d_in, d_out, dtype=torch.float64), adapter, 0)
    naive.linear.load_state_dict(model.q_proj.state_dict())
    naive.mask = mask_of(zones)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(zones), length, d_in, generator=generator, dtype=torch.float64)
    cotangent = torch.randn(len(zones), length, d_out, generator=generator, dtype=torch.float64)
    left, right = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    want = naive(right)
    (want * cotangent).sum().backward()
    with adapter.routing(mask_of(zones)):
        got = model(left)
        (got * cotangent).sum().backward()
    tolerance = {"rtol": 1e-10, "atol": 1e-11}
    torch.testing.assert_close(got, want, **tolerance)
    torch.testing.assert_close(left.grad, right.grad, **tolerance)
    grads = gradients(adapter)
    for k, block in enumerate(("deployed", "quarantine")):
        torch.testing.assert_close(grads[f"q_proj.delta_a_{block}"], naive.a[k].grad, **tolerance)
        torch.testing.assert_close(grads[f"q_proj.delta_b_{block}"], naive.b[k].grad.T, **tolerance)
    silent = {"deployed": set(zones) <= {"r"}, "quarantine": set(zones) <= {"k"}}
    for name, grad in grads.items():
        if silent[name.rsplit("_", 1)[1]]:
            assert not grad.any(), name


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=5), seed=st.integers(0, 999), data=st.data())
def test_packing_rows_changes_nothing(lengths, seed, data):
    zones = data.draw(st.text(alphabet="kar", min_size=len(lengths), max_size=len(lengths)))
    model = one_linear(5, 4, seed=seed)
    adapter = Lora2r.attach(model, r=2, seed=seed)
    randomise(adapter, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randn(1, n, 5, generator=generator, dtype=torch.float64) for n in lengths]
    outputs, pooled = [], []
    for row, zone in zip(rows, zones, strict=True):
        with (
            adapter.routing(mask_of(zone)),
            adapter.capture(torch.ones(row.shape[:2], dtype=torch.bool)) as capture,
        ):
            outputs.append(model(row))
        outputs[-1].square().sum().backward()
        pooled.append(capture.pooled())
    solo = gradients(adapter)
    segments = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[None]
    everything = torch.ones_like(segments, dtype=torch.bool)
    with adapter.routing(mask_of(zones), segments), adapter.capture(everything, segments) as capture:
        packed = model(torch.cat(rows, dim=1))
        packed.square().sum().backward()
    torch.testing.assert_close(packed, torch.cat(outputs, dim=1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(capture.pooled(), torch.cat(pooled), rtol=1e-5, atol=1e-6)
    for name, grad in gradients(adapter).items():
        torch.testing.assert_close(grad, solo[name], rtol=1e-10, atol=1e-11)
