"""The adapter traces in one graph, and masks are data: no recompilation."""

import jaxtyping
import pytest
import torch
from torch._dynamo.testing import CompileCounter

from adapter_models import gradients, mask_of, one_linear, randomise
from vgrout.adapters import Lora2r

# Dynamo itself instantiates every autograd.Function it traces.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def _fresh_dynamo_without_shape_checks():
    """Production has no shape checks, and Dynamo cannot trace them."""
    torch._dynamo.reset()
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
    torch._dynamo.reset()


def two_layers(dtype):
    model = torch.nn.Module()
    model.up_proj, model.down_proj = one_linear(7, 9, dtype).q_proj, one_linear(9, 7, dtype, seed=1).q_proj
    model.forward = lambda x: model.down_proj(torch.tanh(model.up_proj(x)))
    return model


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_fullgraph_values_and_gradients_equal_eager_under_changing_masks(dtype):
    model = two_layers(dtype)
    adapter = Lora2r.attach(model, r=2, seed=0)
    randomise(adapter)
    counter = CompileCounter()
    compiled = torch.compile(model.forward, fullgraph=True, backend=counter)
    x = torch.randn(3, 4, 7, dtype=dtype)
    for zones in ("kar", "rrk", "aaa"):
        with adapter.routing(mask_of(zones)):
            want = model.forward(x)
            want.square().sum().backward()
            eager = gradients(adapter)
            got = compiled(x)
            got.square().sum().backward()
        torch.testing.assert_close(got, want)
        for name, grad in gradients(adapter).items():
            torch.testing.assert_close(grad, eager[name])
    assert counter.frame_count == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_compiled_forward_sees_optimiser_steps_and_contexts(dtype):
    model = two_layers(dtype)
    adapter = Lora2r.attach(model, r=2, seed=0)
    randomise(adapter)
    compiled = torch.compile(model.forward, fullgraph=True, backend="eager")
    x = torch.randn(3, 4, 7, dtype=dtype)
    optimizer = torch.optim.SGD(adapter.parameters(), lr=0.1)
    seen = []
    for _ in range(3):
        compiled(x).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        seen.append(compiled(x))
        torch.testing.assert_close(seen[-1], model.forward(x))
    assert not torch.equal(seen[0], seen[1])
    for context in (adapter.ablated, adapter.disabled):
        with context():
            torch.testing.assert_close(compiled(x), model.forward(x))


@pytest.mark.slow
def test_inductor_compiles_it_too():
    model = two_layers(torch.float32)
    adapter = Lora2r.attach(model, r=2, seed=0)
    randomise(adapter)
    compiled = torch.compile(model.forward, fullgraph=True)
    x = torch.randn(3, 4, 7)
    with adapter.routing(mask_of("kar")):
        model.forward(x).square().sum().backward()
        eager = gradients(adapter)
        compiled(x).square().sum().backward()
    for name, grad in gradients(adapter).items():
        torch.testing.assert_close(grad, eager[name], rtol=1e-4, atol=1e-5)
