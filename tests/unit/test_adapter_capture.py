"""Pooled bottleneck activations against the activations computed from the module's own input."""

import pytest
import torch

from adapter_models import ids, mask_of, one_linear, randomise, tiny_qwen3
from vgrout.adapters import Lora2r
from vgrout.errors import DataError, ShapeError


@pytest.fixture
def model():
    return tiny_qwen3()


def completion(rows=3, length=7, start=4):
    mask = torch.zeros(rows, length, dtype=torch.bool)
    mask[:, start:] = True
    mask[1, 5:] = False
    return mask


def inputs_of(model, adapter, run):
    """The inputs of every adapted Linear during `run`."""
    seen, handles = {}, []
    for name in adapter.module_names:

        def keep(_module, args, name=name):
            seen[name] = args[0].detach()

        handles.append(model.get_submodule(name).register_forward_pre_hook(keep))
    run()
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("policy", ["ablated", "mixed", "none"])
def test_pooled_is_the_mean_over_completion_tokens_of_a_deployed_times_x(model, policy):
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    tokens, mask = ids(3, 7), completion()
    context = {
        "ablated": adapter.ablated(),
        "mixed": adapter.routing(mask_of("kar")),
        "none": adapter.ablated(1.0),
    }[policy]
    with context, adapter.capture(mask) as capture:
        seen = inputs_of(model, adapter, lambda: model(tokens))
    pooled = capture.pooled()
    assert pooled.shape == (3, 14, 3)
    assert pooled.dtype == torch.float32
    for index, (name, layer) in enumerate(zip(adapter.module_names, adapter.layers, strict=True)):
        activations = seen[name] @ layer.weights()["a"][:3].T
        want = (activations * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        torch.testing.assert_close(pooled[:, index], want.float(), rtol=1e-5, atol=1e-6)


def test_capture_changes_neither_logits_nor_gradients(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    tokens = ids(3, 7)
    model(tokens).logits.square().sum().backward()
    plain = [parameter.grad.clone() for parameter in adapter.parameters()]
    for parameter in adapter.parameters():
        parameter.grad = None
    want = model(tokens).logits
    with adapter.capture(completion()) as capture:
        logits = model(tokens).logits
    assert torch.equal(logits, want)
    assert not capture.pooled().requires_grad
    logits.square().sum().backward()
    assert all(torch.equal(p.grad, grad) for p, grad in zip(adapter.parameters(), plain, strict=True))


def test_no_second_product_with_a(model, monkeypatch):
    """Counted: one `F.linear` per module and forward, with and without capture."""
    adapter = Lora2r.attach(model, r=3, seed=0)
    calls = []
    inner = torch.nn.functional.linear

    def spy(*args):
        calls.append(args[1].shape)
        return inner(*args)

    monkeypatch.setattr(torch.nn.functional, "linear", spy)
    tokens = ids(3, 7)
    model(tokens)
    plain = list(calls)
    calls.clear()
    with adapter.capture(completion()):
        model(tokens)
    assert calls == plain
    assert len([shape for shape in plain if shape[0] == 12]) >= 14


def test_packed_rows_pool_as_padded_ones():
    linear = one_linear()
    adapter = Lora2r.attach(linear, r=2, seed=0)
    randomise(adapter)
    rows = [torch.randn(1, n, 7, dtype=torch.float64) for n in (3, 1, 4)]
    want = []
    for row in rows:
        mask = torch.ones(1, row.shape[1], dtype=torch.bool)
        mask[0, 0] = row.shape[1] == 1
        with adapter.capture(mask) as capture:
            linear(row)
        want.append(capture.pooled())
    segments = torch.tensor([[0] * 3 + [1] + [2] * 4])
    mask = torch.tensor([[0, 1, 1, 1, 0, 1, 1, 1]], dtype=torch.bool)
    with (
        adapter.routing(mask_of("kar"), segment_ids=segments),
        adapter.capture(mask, segment_ids=segments) as capture,
    ):
        linear(torch.cat(rows, dim=1))
    torch.testing.assert_close(capture.pooled(), torch.cat(want))


def test_checkpointed_recomputation_is_not_captured_twice(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    tokens = ids(3, 7)
    with adapter.capture(completion()) as capture:
        model(tokens).logits.sum().backward()
    assert capture.pooled().shape == (3, 14, 3)


def test_misuse_is_refused(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    tokens, mask = ids(3, 7), completion()
    with (
        pytest.raises(DataError, match=r"rows \[1\]"),
        adapter.capture(mask & (torch.arange(3) != 1)[:, None]),
    ):
        pass
    with adapter.capture(mask) as capture, pytest.raises(ShapeError, match="completion mask is"):
        model(tokens[:, :5])
    with pytest.raises(ShapeError, match="did not run"):
        capture.pooled()
    with adapter.capture(mask):
        model(tokens)
        with pytest.raises(ShapeError, match="ran twice"):
            model(tokens)
    with adapter.disabled(), adapter.capture(mask) as capture:
        model(tokens)
    with pytest.raises(ShapeError, match="14 of 14"):
        capture.pooled()
    model(tokens)  # nothing is left behind
