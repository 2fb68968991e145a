"""Training steps on the large model: throughput and memory, and the fused adapter against a plain one and none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from harness import Bench, Lap, Timing
from models import PlainAdapter, Rows, large_model, make_rows, training_flops
from torch import Tensor

from vgrout.adapters import BlockOptimizer, Lora2r
from vgrout.grpo import (
    LossInputs,
    StepSize,
    completion_logprobs,
    completion_logprobs_and_entropy,
    dr_grpo_loss,
)

KERNELS_SHOWN = 14
PUBLISHED_GFLOP = 18.5
"""The rule of thumb for this shape, GFLOP a token; the exact count is `training_flops`."""


def steps(bench: Bench) -> None:
    """Tokens per second, TFLOP/s and peak memory by rows of a micro-batch, with and without checkpointing."""
    with bench.guard("matmul"):
        matmul_rate(bench)
    model = large_model(bench)
    sizes = bench.sizes
    with bench.peak() as memory:
        attached: list[Lora2r] = []
        timing = bench.timed(
            lambda _: attached.append(Lora2r.attach(model, r=sizes.rank, seed=0)), repeats=1, warmup=0
        )
    adapter = attached[0]
    count = sum(parameter.numel() for parameter in adapter.parameters())
    bench.record(
        "adapter_attached",
        modules=len(adapter.module_names),
        trainables=count,
        **timing.fields(),
        **memory,
    )
    try:
        optimizer = BlockOptimizer(adapter, lr=7e-5, weight_decay=0.1)
        for checkpointed in (False, True):
            for rows in sizes.micro_batches:
                _measure_step(bench, model, adapter, optimizer, rows, checkpointed=checkpointed)
        middle = sizes.micro_batches[len(sizes.micro_batches) // 2]
        _measure_step(bench, model, adapter, optimizer, middle, checkpointed=True, ragged=True)
        with bench.guard("scoring"):
            _measure_scoring(bench, model, adapter, middle)
        for ragged in (False, True):
            with bench.guard("profile"):
                _profile(bench, model, adapter, optimizer, ragged=ragged)
    finally:
        adapter.detach()


def matmul_rate(bench: Bench) -> None:
    """The ceiling: a square bf16 product of random matrices, TFLOP/s, and a device copy, TB/s."""
    n = bench.sizes.matmul
    left, right = (torch.randn(n, n, device=bench.device, dtype=torch.bfloat16) for _ in range(2))
    result = torch.empty_like(left)
    timing = bench.timed(lambda _: torch.matmul(left, right, out=result), repeats=20, warmup=5)
    bench.kept["matmul_tflops"] = 2.0 * n**3 / timing.median / 1e9
    source = torch.randn(16 * n * n // 2, device=bench.device)
    target = torch.empty_like(source)
    copy = bench.timed(lambda _: target.copy_(source), repeats=10)
    moved = 2.0 * source.numel() * source.element_size()
    bench.record(
        "ceilings",
        matmul_tflops=round(bench.kept["matmul_tflops"], 1),
        copy_tb_s=round(moved / copy.median / 1e9, 3),
        **timing.fields(),
    )


def loss_of(model: Any, rows: Rows, vocabulary_temperature: float = 0.7) -> Tensor:
    """Give the trainer's own loss of one micro-batch."""
    logprobs, _entropy = completion_logprobs_and_entropy(
        model,
        rows.input_ids,
        rows.attention_mask,
        rows.completion_mask,
        temperature=vocabulary_temperature,
    )
    slots = rows.completion_mask.numel()
    return dr_grpo_loss(
        LossInputs(
            logprobs=logprobs,
            old_logprobs=logprobs.detach(),
            advantages=rows.advantages,
            completion_mask=rows.completion_mask,
            size=StepSize(rows=len(rows.advantages), tokens=slots, slots=slots),
        )
    ).loss


def fused_step(model: Any, adapter: Lora2r, optimizer: BlockOptimizer, rows: Rows) -> Callable[[Lap], None]:
    """Give forward, backward, clipping and step as the trainer makes them."""

    def work(lap: Lap) -> None:
        with adapter.routing(rows.mask):
            loss = loss_of(model, rows)
            lap("forward")
            loss.backward()
        lap("backward")
        optimizer.clip_per_block(1.0)
        optimizer.step()
        optimizer.zero_grad()
        lap("optimiser")

    return work


@contextlib.contextmanager
def checkpointing(model: Any, *, on: bool) -> Iterator[None]:
    """Recompute layers in backward inside; transformers does so in training mode only."""
    if not on:
        yield
        return
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    try:
        yield
    finally:
        model.eval()
        model.gradient_checkpointing_disable()


def _measure_step(
    bench: Bench,
    model: Any,
    adapter: Lora2r,
    optimizer: BlockOptimizer,
    count: int,
    *,
    checkpointed: bool,
    ragged: bool = False,
) -> None:
    sizes = bench.sizes
    name = f"{count}_rows{'_checkpointed' if checkpointed else ''}{'_ragged' if ragged else ''}"
    with bench.guard(name), checkpointing(model, on=checkpointed):
        rows = make_rows(count, sizes.prompt, sizes.completion, sizes.vocabulary, bench.device, ragged=ragged)
        with bench.peak() as memory:
            timing = bench.timed(fused_step(model, adapter, optimizer, rows))
        bench.record(name, **timing.fields(), **memory, **rates(bench, rows, timing))
    optimizer.zero_grad()
    bench.release()


def rates(bench: Bench, rows: Rows, timing: Timing, *, adapter: bool = True) -> dict[str, Any]:
    """Throughput of a step on its real tokens, and its share of the measured ceiling.

    `passes_ms` is forward and backward: a real step makes several of them for one step of the optimiser.
    """
    milliseconds, passes = timing.median, timing.laps["forward"] + timing.laps["backward"]
    width = rows.input_ids.shape[1]
    flops = training_flops(bench.sizes, width, rows.scored / rows.tokens, adapter=adapter)
    tflops = rows.tokens * flops / milliseconds / 1e9
    ceiling = bench.kept.get("matmul_tflops")
    return {
        "tokens": rows.tokens,
        "tokens_per_s": round(rows.tokens / milliseconds * 1e3, 1),
        "passes_ms": round(passes, 3),
        "passes_tokens_per_s": round(rows.tokens / passes * 1e3, 1),
        "gflop_per_token": round(flops / 1e9, 6),
        "tflops": round(tflops, 4),
        "tflops_at_18_5": round(rows.tokens * PUBLISHED_GFLOP / milliseconds, 2),
        "mfu": None if ceiling is None else round(tflops / ceiling, 4),
    }


@torch.no_grad()
def _measure_scoring(bench: Bench, model: Any, adapter: Lora2r, count: int) -> None:
    """The forward without gradient that gives old log-probs, with and without the gate's pooled activations."""
    sizes = bench.sizes
    rows = make_rows(count, sizes.prompt, sizes.completion, sizes.vocabulary, bench.device)
    whole = torch.zeros_like(rows.attention_mask)
    whole[:, sizes.prompt :] = rows.completion_mask

    def forward() -> Tensor:
        return completion_logprobs(model, rows.input_ids, rows.attention_mask, rows.completion_mask)

    def plain(_: Lap) -> None:
        with adapter.ablated():
            forward()

    def captured(_: Lap) -> None:
        with adapter.ablated(), adapter.capture(whole) as capture:
            forward()
        capture.pooled()

    for name, work in {"scoring": plain, "scoring_with_capture": captured, "scoring_again": plain}.items():
        with bench.peak() as memory:
            timing = bench.timed(work)
        speed = round(rows.tokens / timing.median * 1e3, 1)
        bench.record(name, rows=count, tokens_per_s=speed, **timing.fields(), **memory)


def _profile(bench: Bench, model: Any, adapter: Lora2r, optimizer: BlockOptimizer, *, ragged: bool) -> None:
    """Where one step's device time goes, kernel by kernel; padded rows take another attention kernel."""
    sizes = bench.sizes
    rows = make_rows(
        sizes.micro_batches[0], sizes.prompt, sizes.completion, sizes.vocabulary, bench.device, ragged=ragged
    )
    work = fused_step(model, adapter, optimizer, rows)
    work(lambda _name: None)
    name = "ragged_step" if ragged else "train_step"
    kernel_table(bench, name, lambda: work(lambda _name: None), shown=6 if ragged else KERNELS_SHOWN)


def kernel_table(bench: Bench, name: str, work: Callable[[], object], shown: int) -> None:
    """Record the longest kernels of `work` and the share of the time in which the device was busy."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.cuda else [])]
    bench.synchronize()
    timing = bench.timed(lambda _: work(), repeats=1, warmup=0)
    with profile(activities=activities) as profiler:
        work()
        bench.synchronize()
    field = "self_device_time_total" if bench.cuda else "self_cpu_time_total"
    # Operators carry their kernels' time as well: on a device only its own events are counted.
    events = [
        event
        for event in profiler.key_averages()
        if getattr(event, field, 0) > 0
        and (not bench.cuda or "CUDA" in str(event.device_type))
        and not (getattr(event, "is_user_annotation", False) or event.key.startswith("Optimizer."))
    ]
    events.sort(key=lambda event: -getattr(event, field))
    total = sum(getattr(event, field) for event in events) / 1e3
    bench.record(
        f"{name}_profile",
        kernels=sum(event.count for event in events),
        device_ms=round(total, 2),
        wall_ms=round(timing.median, 2),
        busy_share=round(total / timing.median, 3),
    )
    for event in events[:shown]:
        milliseconds = getattr(event, field) / 1e3
        bench.record(
            f"{name}_kernel",
            share=round(milliseconds / total, 4),
            kernel_ms=round(milliseconds, 3),
            calls=event.count,
            kernel=event.key[:120],
        )


def variants(bench: Bench) -> None:
    """The same step with the fused adapter, with a plain hook in output space, and with no adapter at all."""
    model = large_model(bench)
    results: dict[tuple[int, bool], dict[str, dict[str, Any]]] = {}
    for kind in ("none", "fused", "plain", "fused_again"):
        with bench.guard(kind):
            for key, fields in _variant(bench, model, kind.removesuffix("_again")):
                results.setdefault(key, {})[kind] = fields
                rows, checkpointed = key
                bench.record(f"{kind}_{rows}_rows{'_checkpointed' if checkpointed else ''}", **fields)
    for (rows, checkpointed), found in results.items():
        for other in ("none", "plain", "fused_again"):
            if "fused" in found and other in found:
                bench.record(
                    f"fused_over_{other}_{rows}_rows{'_checkpointed' if checkpointed else ''}",
                    passes_ratio=_ratio(found["fused"], found[other], "passes_ms"),
                    step_ratio=_ratio(found["fused"], found[other], "ms"),
                    peak_ratio=_ratio(found["fused"], found[other], "peak_gib"),
                    activations_ratio=_ratio(found["fused"], found[other], "above_start_gib"),
                )


def _ratio(ours: dict[str, Any], other: dict[str, Any], key: str) -> float | None:
    return round(ours[key] / other[key], 4) if ours.get(key) and other.get(key) else None


def _variant(bench: Bench, model: Any, kind: str) -> Iterator[tuple[tuple[int, bool], dict[str, Any]]]:
    """Give each batch's figures under one kind of adapter, which is on the model only meanwhile."""
    with _installed(bench, model, kind) as make_work:
        for count, checkpointed in bench.sizes.variant_batches:
            rows = make_rows(
                count, bench.sizes.prompt, bench.sizes.completion, bench.sizes.vocabulary, bench.device
            )
            with checkpointing(model, on=checkpointed):
                try:
                    with bench.peak() as memory:
                        timing = bench.timed(make_work(rows))
                except torch.cuda.OutOfMemoryError:
                    yield (count, checkpointed), {"out_of_memory": True}
                    continue
            speed = rates(bench, rows, timing, adapter=kind != "none")
            yield (count, checkpointed), {**timing.fields(), **memory, **speed}


@contextlib.contextmanager
def _installed(bench: Bench, model: Any, kind: str) -> Iterator[Callable[[Rows], Callable[[Lap], None]]]:
    """Put an adapter on the model and give what makes a step of rows."""
    if kind == "fused":
        adapter = Lora2r.attach(model, r=bench.sizes.rank, seed=0)
        optimizer = BlockOptimizer(adapter, lr=7e-5, weight_decay=0.1)
        try:
            yield lambda rows: fused_step(model, adapter, optimizer, rows)
        finally:
            adapter.detach()
        return
    if kind == "plain":
        names = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
        linears = {name: module for name, module in model.named_modules() if name.rpartition(".")[2] in names}
        plain = PlainAdapter(linears, bench.sizes.rank)
        adamw = torch.optim.AdamW(plain.parameters(), lr=7e-5, betas=(0.9, 0.99), weight_decay=0.1)
        try:
            yield lambda rows: _plain_step(model, plain, adamw, rows)
        finally:
            plain.detach()
        return
    # Gradients must flow through the whole base, as they do to the first layer's adapter.
    handle = model.get_input_embeddings().register_forward_hook(
        lambda _module, _args, output: output.requires_grad_(requires_grad=True)
    )
    try:
        yield lambda rows: _bare_step(model, rows)
    finally:
        handle.remove()


def _plain_step(
    model: Any, plain: PlainAdapter, optimizer: torch.optim.Optimizer, rows: Rows
) -> Callable[[Lap], None]:
    def work(lap: Lap) -> None:
        plain.route(rows.mask)
        loss = loss_of(model, rows)
        lap("forward")
        loss.backward()
        lap("backward")
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        lap("optimiser")

    return work


def _bare_step(model: Any, rows: Rows) -> Callable[[Lap], None]:
    def work(lap: Lap) -> None:
        loss = loss_of(model, rows)
        lap("forward")
        loss.backward()
        lap("backward")

    return work
