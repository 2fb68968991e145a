"""The claims that the CPU tests prove, on this device's kernels: exact zeros, equal gradients, restored outputs."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from harness import Bench, relative_error
from models import make_rows, plain_contribution, policy_of, randomise, small_model, zones
from torch import Tensor, nn

from vgrout.adapters import Lora2r
from vgrout.grpo import completion_logprobs, token_logprobs

VOCABULARY = 1009
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def correctness(bench: Bench) -> None:
    """Run every check in both precisions."""
    for name, dtype in DTYPES.items():
        with bench.guard(f"adapter_{name}"):
            adapter_equals_definition(bench, name, dtype)
        with bench.guard(f"zones_{name}"):
            zones_are_exact(bench, name, dtype)
        with bench.guard(f"ablation_{name}"):
            ablation_restores(bench, name, dtype)
        with bench.guard(f"head_{name}"):
            head_equals_softmax(bench, name, dtype)
        with bench.guard(f"repeat_{name}"):
            repeats(bench, name, dtype)
    with bench.guard("device_equals_cpu"):
        device_equals_cpu(bench)
    with bench.guard("sampler_gap"):
        sampler_gap(bench)


def adapter_equals_definition(bench: Bench, name: str, dtype: torch.dtype) -> None:
    """One Linear without weights of its own, so that nothing but the adapter's part is compared, in float64."""
    d_in, d_out, rank, device = bench.sizes.hidden, bench.sizes.intermediate, bench.sizes.rank, bench.device
    torch.manual_seed(0)
    model = nn.Module()
    model.q_proj = nn.Linear(d_in, d_out, bias=False, device=device, dtype=dtype)
    nn.init.zeros_(model.q_proj.weight)
    adapter = Lora2r.attach(model, r=rank, seed=0)
    randomise(adapter, scale=1.0)
    mask = zones("karkar", device)
    x = torch.randn(6, 40, d_in, device=device, dtype=dtype, requires_grad=True)
    upstream = torch.randn(6, 40, d_out, device=device, dtype=dtype)
    with adapter.routing(mask):
        y = model.q_proj(x)
        y.backward(upstream)
    weights = {key: value.double() for key, value in adapter.layers[0].weights().items()}
    a = weights["a"].requires_grad_()
    b = (weights["b0_t"] + weights["delta_b_t"]).T.contiguous().requires_grad_()
    frozen = ((weights["a"] - weights["delta_a"]).detach(), weights["b0_t"].T)
    wide = x.detach().double().requires_grad_()
    want = plain_contribution(wide, *frozen, a, b, rank=rank, mask=mask)
    want.backward(upstream.double())
    assert a.grad is not None
    assert b.grad is not None
    assert wide.grad is not None
    gradients = [parameter.grad for parameter in adapter.parameters() if parameter.grad is not None]
    a_dep, a_quar, b_dep, b_quar = gradients
    bound = 1e-5 if dtype == torch.float32 else 1e-2
    bench.check(f"adapter_output_{name}", relative_error(y, want), bound)
    bench.check(f"adapter_grad_x_{name}", relative_error(x.grad, wide.grad), bound)
    bench.check(f"adapter_grad_a_{name}", relative_error(torch.cat([a_dep, a_quar]), a.grad), bound)
    bench.check(f"adapter_grad_b_{name}", relative_error(torch.cat([b_dep, b_quar]), b.grad.T), bound)


def _prepared(bench: Bench, dtype: torch.dtype, device: torch.device | None = None) -> tuple[Any, Lora2r]:
    model = small_model(bench, dtype, device)
    adapter = Lora2r.attach(model, r=8, seed=0)
    randomise(adapter, scale=1.0)
    return model, adapter


def _gradients(
    prepared: tuple[Any, Lora2r], rows: Any, letters: str, weights: Tensor, chosen: slice = slice(None)
) -> dict[str, Tensor]:
    """Gradients of the weighted log-probs of some rows under some zones."""
    model, adapter = prepared
    with adapter.routing(zones(letters, adapter.device)):
        logprobs = completion_logprobs(
            model, rows.input_ids[chosen], rows.attention_mask[chosen], rows.completion_mask[chosen]
        )
        (logprobs * weights[chosen, None]).mean(dim=1).sum().backward()
    found = {}
    for name, parameter in adapter.named_parameters():
        found[name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        parameter.grad = None
    return found


def _joined(gradients: dict[str, Tensor], part: str) -> Tensor:
    return torch.cat([value.flatten() for name, value in gradients.items() if part in name])


def zones_are_exact(bench: Bench, name: str, dtype: torch.dtype) -> None:
    """A mixed batch's gradient is the sum of its rows' own, and a block that a row may not train gets exact zeros."""
    prepared = _prepared(bench, dtype)
    rows = make_rows(3, 8, 40, VOCABULARY, bench.device)
    ones = torch.ones(3, device=bench.device)
    mixed = _gradients(prepared, rows, "kar", ones)
    solo = [_gradients(prepared, rows, "kar"[i], ones, slice(i, i + 1)) for i in range(3)]
    bound = 1e-4 if dtype == torch.float32 else 3e-2
    for part in ("deployed", "quarantine"):
        total = sum((_joined(gradients, part) for gradients in solo[1:]), start=_joined(solo[0], part))
        error = relative_error(_joined(mixed, part), total)
        bench.check(f"mixed_equals_solo_{part}_{name}", error, bound)
    bench.check(f"keep_quarantine_grad_{name}", float(_joined(solo[0], "quarantine").abs().max()), 0.0)
    bench.check(f"rout_deployed_grad_{name}", float(_joined(solo[2], "deployed").abs().max()), 0.0)
    smallest = min(float(_joined(solo[1], part).norm()) for part in ("deployed", "quarantine"))
    bench.check(f"absorb_trains_both_{name}", -smallest, -1e-9)
    # However loud a routed row is, the deployed block's gradient changes no more than by running it again.
    loud = ones.clone()
    loud[2] = 1000.0
    again = [_gradients(prepared, rows, "kar", weights) for weights in (ones, loud)]
    noise, change = (
        float((_joined(found, "deployed") - _joined(mixed, "deployed")).abs().max()) for found in again
    )
    bench.check(f"routed_row_moves_deployed_{name}", change, noise)


@torch.no_grad()
def ablation_restores(bench: Bench, name: str, dtype: torch.dtype) -> None:
    """Contexts leave nothing behind, the ablated model knows no quarantine, the disabled one is the base."""
    model = small_model(bench, dtype)
    ids = make_rows(3, 8, 40, VOCABULARY, bench.device).input_ids
    base = model(ids).logits
    adapter = Lora2r.attach(model, r=8, seed=0)
    bench.check(f"fresh_adapter_is_base_{name}", relative_error(model(ids).logits, base), 0.0)
    randomise(adapter, scale=1.0)
    full = model(ids).logits
    with adapter.ablated():
        ablated = model(ids).logits
    with adapter.disabled():
        disabled = model(ids).logits
    with contextlib.suppress(KeyError), adapter.ablated():
        raise KeyError
    bench.check(f"full_restored_{name}", relative_error(model(ids).logits, full), 0.0)
    bench.check(f"disabled_is_base_{name}", relative_error(disabled, base), 0.0)
    bench.check(f"ablation_changes_output_{name}", -relative_error(ablated, full), -1e-3)
    for parameter in adapter.blocks()["quarantine"]:
        parameter.zero_()
    bench.check(f"ablated_is_without_quarantine_{name}", relative_error(model(ids).logits, ablated), 0.0)
    adapter.detach()
    bench.check(f"detached_is_base_{name}", relative_error(model(ids).logits, base), 0.0)


def head_equals_softmax(bench: Bench, name: str, dtype: torch.dtype) -> None:
    """Chunked log-probs and their gradient against a softmax over all logits in float64."""
    torch.manual_seed(0)
    sizes, count, temperature = bench.sizes, 97, 0.7
    vocabulary = min(sizes.vocabulary, 20_011)
    hidden = torch.randn(count, sizes.hidden, device=bench.device, dtype=dtype, requires_grad=True)
    weight = torch.randn(vocabulary, sizes.hidden, device=bench.device).div_(sizes.hidden**0.5).to(dtype)
    targets = torch.randint(vocabulary, (count,), device=bench.device)
    upstream = torch.randn(count, device=bench.device)
    got = token_logprobs(
        hidden, weight, targets, temperature=temperature, chunk_tokens=64, chunk_vocab=vocabulary // 3
    )
    got.backward(upstream)
    wide = hidden.detach().double().requires_grad_()
    logits = wide @ weight.double().T / temperature
    want = logits.log_softmax(dim=-1).gather(1, targets[:, None])[:, 0]
    want.backward(upstream.double())
    exact = dtype == torch.float32
    bench.check(
        f"head_max_error_nats_{name}",
        float((got.double() - want).abs().max().detach()),
        1e-4 if exact else 0.06,
    )
    bench.check(f"head_grad_{name}", relative_error(hidden.grad, wide.grad), 1e-4 if exact else 1e-2)


def repeats(bench: Bench, name: str, dtype: torch.dtype) -> None:
    """Whether the same step gives the same gradient to the bit: a fact of the kernels, no check."""
    prepared = _prepared(bench, dtype)
    rows = make_rows(6, 24, 400, VOCABULARY, bench.device, ragged=True)
    ones = torch.ones(6, device=bench.device)
    differences = {}
    for mode in (False, True):
        torch.use_deterministic_algorithms(mode, warn_only=True)
        try:
            first, second = (_gradients(prepared, rows, "karkar", ones) for _ in range(2))
        finally:
            torch.use_deterministic_algorithms(mode=False)
        gaps = [float((first[key] - second[key]).abs().max()) for key in first]
        differences["deterministic" if mode else "default"] = max(gaps)
    bench.record(f"repeat_{name}", **{f"{key}_max_difference": value for key, value in differences.items()})


@torch.no_grad()
def device_equals_cpu(bench: Bench) -> None:
    """The same weights give the same log-probs on the CPU, padded rows and mixed zones included."""
    found = []
    for device in (torch.device("cpu"), bench.device):
        model, adapter = small_model(bench, torch.float32, device), None
        adapter = Lora2r.attach(model, r=8, seed=0)
        generator = torch.Generator().manual_seed(5)
        for parameter in adapter.parameters():
            noise = torch.randn(parameter.shape, generator=generator) / parameter.shape[1] ** 0.5
            parameter.copy_(noise.to(device))
        rows = make_rows(6, 24, 100, VOCABULARY, device, ragged=True)
        with adapter.routing(rows.mask):
            logprobs = completion_logprobs(model, rows.input_ids, rows.attention_mask, rows.completion_mask)
        found.append(logprobs.cpu())
    bench.check("device_equals_cpu_nats", float((found[0] - found[1]).abs().max()), 1e-3)


def sampler_gap(bench: Bench) -> None:
    """The sampler's log-probs of what it drew, both policies in one batch, are the trainer's; fp32."""
    from sampling import gap_of, sample

    model, adapter = _prepared(bench, torch.float32)
    policy = policy_of(model, adapter, bench.device, VOCABULARY)
    rollouts, request = sample(
        policy, prompts=4, group=2, prompt_tokens=20, new_tokens=24, vocabulary=VOCABULARY
    )
    mean, largest = gap_of(policy, rollouts, request)
    bench.check("sampler_gap_fp32_nats", largest, 1e-3, mean=mean)
