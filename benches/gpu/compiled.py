"""torch.compile on one decoder layer with its adapter: whether it traces in one graph, and what it gains."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from harness import Bench, Lap, relative_error
from models import qwen3, randomise, zones
from torch import nn

from vgrout.adapters import Lora2r


def compiled(bench: Bench) -> None:
    """Adapter, layer, layers: smaller first, since a compiler may take all the time there is."""
    with bench.guard("one_linear"):
        one_linear(bench)
    for layers in bench.sizes.compiled_layers:
        with bench.guard(f"{layers}_layers"):
            decoder_layers(bench, layers=layers)


def one_linear(bench: Bench) -> None:
    """A gate projection with the adapter in its hook, forward and backward."""
    sizes, device = bench.sizes, bench.device
    torch.manual_seed(0)
    model = nn.Module()
    model.up_proj = nn.Linear(
        sizes.hidden, sizes.intermediate, bias=False, device=device, dtype=torch.bfloat16
    )
    adapter = Lora2r.attach(model, r=sizes.rank, seed=0)
    randomise(adapter)
    rows = sizes.micro_batches[-1]
    x = torch.randn(
        rows, sizes.prompt + sizes.completion, sizes.hidden, device=device, dtype=torch.bfloat16
    ).requires_grad_()
    _compare(bench, "linear", model.up_proj, x, adapter)


def decoder_layers(bench: Bench, layers: int) -> None:
    """Layers of the large shape, each compiled by itself, as a trainer would."""
    sizes, device = bench.sizes, bench.device
    model = qwen3(sizes, device, torch.bfloat16, layers=layers).model
    adapter = Lora2r.attach(model, r=sizes.rank, seed=0)
    randomise(adapter)
    rows = sizes.micro_batches[0]
    length = sizes.prompt + sizes.completion
    x = torch.randn(rows, length, sizes.hidden, device=device, dtype=torch.bfloat16).requires_grad_()
    positions = torch.arange(length, device=device)[None]
    rotary = model.rotary_emb(x, positions)
    keywords = {"attention_mask": None, "position_ids": positions, "position_embeddings": rotary}
    stack = _Stack(list(model.layers), keywords)
    _compare(bench, f"{layers}_layers", stack, x, adapter)


class _Stack(nn.Module):
    """Layers one after the other, all with the same keyword arguments."""

    def __init__(self, layers: list[nn.Module], keywords: dict[str, Any]) -> None:
        super().__init__()
        self.layers, self._keywords = nn.ModuleList(layers), keywords

    def forward(self, x: Any) -> Any:
        return self._run(list(self.layers), x)

    def compiled(self, **options: Any) -> Callable[[Any], Any]:
        """The same with every layer compiled."""
        parts = [torch.compile(layer, **options) for layer in self.layers]
        return lambda x: self._run(parts, x)

    def _run(self, layers: list[Any], x: Any) -> Any:
        for layer in layers:
            x = layer(x, **self._keywords)
            x = x[0] if isinstance(x, tuple) else x
        return x


def _compare(bench: Bench, name: str, module: nn.Module, x: Any, adapter: Lora2r) -> None:
    """Time eager and compiled, and compare their values and gradients."""
    torch._dynamo.reset()  # noqa: SLF001 - its only spelling
    torch._dynamo.utils.counters.clear()  # noqa: SLF001 - as above
    options: dict[str, Any] = {"fullgraph": True, "dynamic": False, "backend": bench.sizes.compile_backend}
    fast = module.compiled(**options) if isinstance(module, _Stack) else torch.compile(module, **options)
    mask = zones(("kar" * len(x))[: len(x)], bench.device)
    upstream: list[Any] = []
    results: dict[str, tuple[Any, Any]] = {}
    timings = {}
    for kind, function in (("eager", module), ("compiled", fast)):

        def work(lap: Lap, function: Any = function, kind: str = kind) -> None:
            output = function(x)
            if not upstream:
                upstream.append(torch.randn_like(output))
            lap("forward")
            output.backward(upstream[0])
            lap("backward")
            gradients = torch.cat([p.grad.flatten() for p in adapter.parameters() if p.grad is not None])
            results[kind] = (output.detach(), gradients)
            for parameter in (*adapter.parameters(), x):
                parameter.grad = None

        with adapter.routing(mask):
            start = time.perf_counter()
            work(lambda _name: None)
            bench.synchronize()
            first = time.perf_counter() - start
            with bench.peak() as memory:
                timings[kind] = bench.timed(work)
        bench.record(f"{name}_{kind}", first_call_s=round(first, 2), **timings[kind].fields(), **memory)
    pairs = zip(results["compiled"], results["eager"], strict=True)
    errors = [relative_error(got, want) for got, want in pairs]
    counters = torch._dynamo.utils.counters  # noqa: SLF001 - as above
    bench.record(
        f"{name}_gain",
        speed_ratio=round(timings["eager"].median / timings["compiled"].median, 3),
        fullgraph=True,
        graphs=counters["stats"].get("unique_graphs"),
    )
    bench.check(f"{name}_compiled_output", errors[0], 2e-2)
    bench.check(f"{name}_compiled_gradients", errors[1], 5e-2)
    adapter.detach()
