"""Whose gradient goes where: the mixed batch against solo rows, a naive reference, and the wrong shortcut."""

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from adapter_models import gradients, ids, mask_of, naive_copy, one_linear, randomise, tiny_qwen3
from vgrout.adapters import Lora2r
from vgrout.adapters.fused import DeltaLora
from vgrout.errors import VgroutError

pytestmark = pytest.mark.gate

ZONES = "karkra"


@pytest.fixture
def model():
    return tiny_qwen3()


def row_loss(model, tokens: Tensor, weights: Tensor) -> Tensor:
    """A sum over rows, so that a batch's gradient is the sum of its rows' gradients."""
    logits = model(tokens).logits
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    return (nll.sum(dim=1) * weights).sum()


def test_mixed_batch_gradients_equal_the_sum_of_solo_gradients(model):
    adapter = Lora2r.attach(model, r=3, seed=5)
    randomise(adapter)
    tokens, weights = ids(6, 9), torch.linspace(-1.0, 1.5, 6, dtype=torch.float64)
    with adapter.routing(mask_of(ZONES)):
        row_loss(model, tokens, weights).backward()
    mixed = gradients(adapter)
    summed = {name: torch.zeros_like(grad) for name, grad in mixed.items()}
    for row, zone in enumerate(ZONES):
        with adapter.routing(mask_of(zone)):
            row_loss(model, tokens[row : row + 1], weights[row : row + 1]).backward()
        for name, grad in gradients(adapter).items():
            summed[name] += grad
    assert max(grad.abs().max() for grad in mixed.values()) > 1e-3
    for name, grad in mixed.items():
        torch.testing.assert_close(grad, summed[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("zone", "still"), [("k", ["quarantine"]), ("a", []), ("r", ["deployed"])])
def test_a_zone_leaves_the_other_block_exactly_without_gradient(model, zone, still):
    adapter = Lora2r.attach(model, r=3, seed=5)
    randomise(adapter)
    with adapter.routing(mask_of(zone * 3)):
        row_loss(model, ids(3, 8), torch.ones(3, dtype=torch.float64)).backward()
    for block, parameters in adapter.blocks().items():
        peak = max(parameter.grad.abs().max().item() for parameter in parameters)
        assert peak == 0.0 if block in still else peak > 1e-4, (block, peak)


@pytest.mark.parametrize("zones", [ZONES, "kkk", "rrrr", "aa"])
def test_logits_and_gradients_equal_the_naive_reference(model, zones):
    adapter = Lora2r.attach(model, r=3, seed=5)
    randomise(adapter)
    fresh = tiny_qwen3(seed=9)
    layers = naive_copy(model, adapter, fresh)
    tokens, weights = ids(len(zones), 9), torch.linspace(-1.0, 2.0, len(zones), dtype=torch.float64)
    mask = mask_of(zones)
    for layer in layers.values():
        layer.mask = mask
    row_loss(fresh, tokens, weights).backward()
    with adapter.routing(mask):
        torch.testing.assert_close(model(tokens).logits, fresh(tokens).logits, rtol=1e-12, atol=1e-12)
        row_loss(model, tokens, weights).backward()
    for name, layer in layers.items():
        for k, block in enumerate(("deployed", "quarantine")):
            want = [layer.a[k].grad, layer.b[k].grad.T]
            parameters = dict(adapter.named_parameters())
            got = [parameters[f"{name}.delta_{x}_{block}"].grad for x in "ab"]
            torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-12)


def test_no_input_gradient_passes_through_the_frozen_deployed_branch():
    model = one_linear()
    adapter = Lora2r.attach(model, r=2, seed=0)
    randomise(adapter)
    x = torch.randn(3, 4, 7, dtype=torch.float64, requires_grad=True)
    with adapter.routing(mask_of("kar")):
        model(x).sum().backward()
    block, r = adapter.layers[0], 2
    g = torch.ones(3, 4, 5, dtype=torch.float64)
    a_dep, a_quar, b_dep, b_quar = (p.detach() for p in block.parameters)
    a0, b0_t = block.down[: 2 * r], block.up_t[2 * r :]
    dep = (g @ b_dep.T) @ (a0[:r] + a_dep) + (g @ b0_t[:r].T) @ a_dep
    quar = (g @ b_quar.T) @ (a0[r:] + a_quar) + (g @ b0_t[r:].T) @ a_quar
    base = g @ model.q_proj.weight
    want = torch.stack([(base + dep)[0], (base + dep + quar)[1], (base + quar)[2]])
    torch.testing.assert_close(x.grad, want, rtol=1e-12, atol=1e-12)


def test_gradcheck_of_the_fused_function():
    """Against finite differences; the factors are rebuilt from the parameters, as `BlockLinear` keeps them."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    a0, b0_t, mask = random(4, 7), random(4, 5), torch.ones(2, 1, 4, dtype=torch.float64)

    def contribution(x: Tensor, *parameters: Tensor) -> Tensor:
        down = torch.cat([a0, *parameters[:2]]).detach()
        up_t = torch.cat([*parameters[2:], b0_t]).detach()
        return DeltaLora.apply(x, down, up_t, mask, mask, *parameters)[0]

    inputs = [random(2, 3, 7), *(random(2, 7) for _ in range(2)), *(random(2, 5) for _ in range(2))]
    assert torch.autograd.gradcheck(contribution, [value.requires_grad_(True) for value in inputs])


def test_detach_in_rank_space_would_leak_routed_rows_into_the_deployed_columns_of_b():
    """Why there is a custom Function: the plain-autograd shortcut is wrong for routed rows."""
    model = one_linear()
    adapter = Lora2r.attach(model, r=2, seed=0)
    randomise(adapter)
    block, r = adapter.layers[0], 2
    x = torch.randn(4, 3, 7, dtype=torch.float64)
    mask = mask_of("rrka")
    with adapter.routing(mask):
        model(x).square().sum().backward()
    right = gradients(adapter)["q_proj.delta_b_deployed"]

    b_dep = block.parameters[2].detach().clone().requires_grad_(True)
    a_dep, a_quar, _, b_quar = (p.detach() for p in block.parameters)
    a0, b0_t = block.down[: 2 * r], block.up_t[2 * r :]
    m = mask.quarantine_on.to(x)[:, None, None]
    d = mask.deployed_frozen.to(x)[:, None, None]
    hidden = x @ (a0[:r] + a_dep).T
    hidden = (1 - d) * hidden + d * hidden.detach()
    y = model.q_proj.weight @ x.mT
    y = y.mT + model.q_proj.bias + hidden @ b_dep + (x @ a_dep.T) @ b0_t[:r]
    y = y + m * ((x @ (a0[r:] + a_quar).T) @ b_quar + (x @ a_quar.T) @ b0_t[r:])
    with adapter.routing(mask):
        torch.testing.assert_close(y, model(x), rtol=1e-12, atol=1e-12)
    y.square().sum().backward()
    assert (b_dep.grad - right).norm() > 0.1 * right.norm()


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpointing_recomputes_under_the_masks_of_the_forward(model, use_reentrant):
    adapter = Lora2r.attach(model, r=3, seed=5)
    randomise(adapter)
    tokens, weights = ids(6, 9), torch.linspace(-1.0, 1.5, 6, dtype=torch.float64)
    model.train()
    with adapter.routing(mask_of(ZONES)):
        row_loss(model, tokens, weights).backward()
    plain = gradients(adapter)

    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
    with adapter.routing(mask_of("aakkrr")):
        other = row_loss(model, tokens, weights)
    with adapter.routing(mask_of(ZONES)):
        loss = row_loss(model, tokens, weights)
    loss.backward()  # outside the context, after two forwards under different masks
    for name, grad in gradients(adapter).items():
        torch.testing.assert_close(grad, plain[name], rtol=1e-12, atol=1e-13)
    other.backward()
    changed = gradients(adapter)
    adapter.detach()
    with adapter.ablated():  # a handle that is off binds nothing any more
        pass
    assert not any(hasattr(m, "checkpoint") for m in _checkpoint_functions(model))
    assert any(not torch.equal(grad, plain[name]) for name, grad in changed.items())


def _checkpoint_functions(model):
    return [m._gradient_checkpointing_func for m in model.modules() if hasattr(m, "gradient_checkpointing")]


def test_an_unbound_checkpoint_recomputed_under_other_masks_is_refused(model):
    adapter = Lora2r.attach(model, r=3, seed=5)
    randomise(adapter)
    tokens = ids(2, 5)
    with adapter.routing(mask_of("kr")):
        loss = checkpoint(lambda t: model(t).logits.sum(), tokens, use_reentrant=False)
    with pytest.raises(VgroutError, match=r"adapter\.bind"):
        loss.backward()
    with adapter.routing(mask_of("kr")):
        loss = checkpoint(adapter.bind(lambda t: model(t).logits.sum()), tokens, use_reentrant=False)
    loss.backward()
    checkpointed = gradients(adapter)
    with adapter.routing(mask_of("kr")):
        model(tokens).logits.sum().backward()
    for name, grad in gradients(adapter).items():
        torch.testing.assert_close(checkpointed[name], grad, rtol=1e-12, atol=1e-13)


def test_packed_rows_get_the_gradients_of_padded_ones():
    model = one_linear()
    adapter = Lora2r.attach(model, r=2, seed=0)
    randomise(adapter)
    lengths = [3, 1, 4]
    rows = [torch.randn(1, n, 7, dtype=torch.float64) for n in lengths]
    for row, zone in zip(rows, "rka", strict=True):
        with adapter.routing(mask_of(zone)):
            model(row).square().sum().backward()
    solo = gradients(adapter)
    segments = torch.tensor([[0] * 3 + [1] + [2] * 4])
    with adapter.routing(mask_of("rka"), segment_ids=segments):
        model(torch.cat(rows, dim=1)).square().sum().backward()
    for name, grad in gradients(adapter).items():
        torch.testing.assert_close(grad, solo[name], rtol=1e-12, atol=1e-13)
