"""Merging: the same model within rounding, and the base's weights back to the bit."""

import pytest
import torch

from adapter_models import ids, randomise, tiny_qwen3
from vgrout.adapters import Lora2r, can_merge, merged

pytestmark = pytest.mark.gate


@pytest.fixture
def attached():
    model = tiny_qwen3()
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    return model, adapter


@pytest.mark.parametrize("quarantine", [0.0, 0.25, 1.0])
def test_the_merged_model_is_the_adapted_one(attached, quarantine):
    model, adapter = attached
    tokens = ids(3, 6)
    with torch.no_grad(), adapter.ablated(quarantine):
        wanted = model(tokens).logits
    with torch.no_grad(), adapter.disabled():
        base = model(tokens).logits
    with torch.no_grad(), merged(adapter, quarantine=quarantine):
        got = model(tokens).logits
    assert (base - wanted).abs().max() > 1e-3
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_the_weights_come_back_to_the_bit_also_after_an_exception(attached):
    model, adapter = attached
    before = {name: value.clone() for name, value in model.state_dict().items()}
    full = model(ids(2, 5)).logits

    def fail():
        with merged(adapter, quarantine=1.0):
            assert not torch.equal(adapter.linears[0].weight, before[f"{adapter.module_names[0]}.weight"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model(ids(2, 5)).logits, full)


def test_what_trains_after_a_merge_is_seen_by_the_next(attached):
    model, adapter = attached
    tokens = ids(2, 5)
    with torch.no_grad(), merged(adapter, quarantine=1.0):
        first = model(tokens).logits
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.mul_(2.0)
    with torch.no_grad(), merged(adapter, quarantine=1.0):
        second = model(tokens).logits
    with torch.no_grad():
        torch.testing.assert_close(second, model(tokens).logits, rtol=1e-12, atol=1e-12)
    assert (second - first).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("dtype", "answer"), [(torch.float64, True), (torch.float32, True), (torch.bfloat16, False)]
)
def test_half_precision_is_not_merged(dtype, answer):
    assert can_merge(Lora2r.attach(tiny_qwen3(dtype), r=3, seed=0)) is answer
