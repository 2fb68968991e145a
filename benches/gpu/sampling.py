"""The output head by itself, and generation with two policies in one batch."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import torch
from harness import Bench, Sizes
from models import large_model, policy_of, randomise
from torch import Tensor
from training import kernel_table

from vgrout.adapters import Lora2r, RouteMask
from vgrout.config import RolloutConfig
from vgrout.grpo import token_logprobs
from vgrout.policy.tokens import pad_rows
from vgrout.rollouts.base import Rollouts, SampleRequest
from vgrout.rollouts.hf import HfEngine
from vgrout.train.forward import row_logprobs

TEMPERATURE = 0.7


def head(bench: Bench) -> None:
    """Log-probs of every token, forward and backward: tiles against all logits at once."""
    sizes = bench.sizes
    torch.manual_seed(0)
    dtype, device = torch.bfloat16, bench.device
    hidden = torch.randn(sizes.head_tokens, sizes.hidden, device=device, dtype=dtype, requires_grad=True)
    weight = torch.randn(sizes.vocabulary, sizes.hidden, device=device, dtype=dtype).mul_(0.02)
    targets = torch.randint(sizes.vocabulary, (sizes.head_tokens,), device=device)
    product = 2.0 * sizes.head_tokens * sizes.vocabulary * sizes.hidden

    def full() -> Tensor:
        logits = torch.nn.functional.linear(hidden, weight).float() / TEMPERATURE
        return logits.log_softmax(dim=-1).gather(1, targets[:, None])[:, 0]

    def tiled(tokens: int, vocabulary: int) -> Tensor:
        return token_logprobs(
            hidden, weight, targets, temperature=TEMPERATURE, chunk_tokens=tokens, chunk_vocab=vocabulary
        )

    ways: dict[str, Any] = {"full_logits": full}
    for chunks in sizes.head_chunks:
        ways[f"tiles_{chunks[0]}x{chunks[1]}"] = lambda chunks=chunks: tiled(*chunks)
    for name, way in ways.items():
        with bench.guard(name):

            def work(lap: Any, way: Any = way) -> None:
                values = way()
                lap("forward")
                values.sum().backward()
                hidden.grad = None

            with bench.peak() as memory:
                timing = bench.timed(work, repeats=max(2, sizes.repeats - 2), warmup=1)
            bench.record(
                name, **timing.fields(), **memory, tflops=round(2 * product / timing.median / 1e9, 1)
            )


def generation(bench: Bench) -> None:
    """Tokens per second of the package's sampler on the large model, and how far its log-probs are the trainer's."""
    sizes = bench.sizes
    model = large_model(bench)
    adapter = Lora2r.attach(model, r=sizes.rank, seed=0)
    try:
        randomise(adapter)
        policy = policy_of(model, adapter, bench.device, sizes.vocabulary)
        shape = shape_of(sizes, sizes.vocabulary)
        with bench.guard("warm_up"):
            sample(policy, **shape, new_tokens=2)
        ways: dict[str, dict[str, Any]] = {
            "two_policies": {},
            "one_policy": {"mixed": False},
            "two_policies_top_p": {"top_p": 0.95},
        }
        for name, options in ways.items():
            with bench.guard(name):
                _generate(bench, policy, name, {**shape, **options})
        with bench.guard("profile"):
            few = {**shape, "new_tokens": min(12, sizes.new_tokens)}
            kernel_table(bench, "decode", lambda: sample(policy, **few), shown=8)
    finally:
        adapter.detach()
    with bench.guard("no_adapter"):
        _generate(bench, replace(policy, adapter=NoAdapter()), "no_adapter", shape)


class NoAdapter:
    """Stands where the engine expects an adapter, for the base model's own speed."""

    linears = (torch.nn.Linear(1, 1, dtype=torch.bfloat16),)
    """In half precision nothing is merged, and there is nothing to merge."""

    def routing(self, _mask: RouteMask, **_: object) -> contextlib.AbstractContextManager[None]:
        """Change nothing."""
        return contextlib.nullcontext()


def _generate(bench: Bench, policy: Any, name: str, options: dict[str, Any]) -> None:
    options = {"new_tokens": bench.sizes.new_tokens, **options}
    result: list[Any] = []
    with bench.peak() as memory:
        timing = bench.timed(lambda _: result.append(sample(policy, **options)), repeats=1, warmup=0)
    rollouts, request = result[0]
    tokens = sum(len(answer.completion) for answer in rollouts)
    bench.record(
        name,
        rows=len(rollouts),
        tokens=tokens,
        tokens_per_s=round(tokens / timing.median * 1e3, 1),
        ms_per_token=round(timing.median / options["new_tokens"], 2),
        **timing.fields(),
        **memory,
    )
    if name == "two_policies":
        mean, largest = gap_of(policy, rollouts, request)
        bench.record("sampler_gap_bf16_nats", mean=mean, max=largest)


def sample(policy: Any, **shape: Any) -> tuple[Rollouts, SampleRequest]:
    """Draw answers to the request of that shape with the package's own sampler."""
    request = request_of(**shape)
    engine = HfEngine(policy, RolloutConfig(rows_per_batch=sum(request.counts)))
    return engine.sample(request), request


def shape_of(sizes: Sizes, vocabulary: int) -> dict[str, Any]:
    """How many prompts of how many tokens a request has, and how often each is asked."""
    return {
        "prompts": sizes.prompts,
        "group": sizes.group,
        "prompt_tokens": sizes.prompt_tokens,
        "vocabulary": vocabulary,
    }


def request_of(
    *,
    prompts: int,
    group: int,
    prompt_tokens: int,
    new_tokens: int,
    vocabulary: int,
    mixed: bool = True,
    top_p: float = 1.0,
) -> SampleRequest:
    """Random prompts; half of them are asked of the deployed policy, unless `mixed` is off."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, vocabulary, (prompts, prompt_tokens), generator=generator).tolist()
    return SampleRequest(
        prompts=tuple(tuple(row) for row in ids),
        counts=(group,) * prompts,
        ablated=tuple(mixed and index % 2 == 1 for index in range(prompts)),
        max_new_tokens=new_tokens,
        temperature=TEMPERATURE,
        top_p=top_p,
        top_k=0,
        seed=0,
    )


@torch.no_grad()
def gap_of(policy: Any, rollouts: Rollouts, request: SampleRequest) -> tuple[float, float]:
    """Mean and largest difference of the sampler's log-probs and the trainer's, in nats; eight rows at a time."""
    gaps = []
    for start in range(0, len(rollouts), 8):
        answers = rollouts[start : start + 8]
        batch = pad_rows(
            [request.prompts[answer.prompt_index] for answer in answers],
            [answer.completion for answer in answers],
            device=policy.device,
        )
        mask = RouteMask.sampled(torch.tensor([answer.ablated for answer in answers])).to(policy.device)
        again = row_logprobs(policy, batch, mask, temperature=request.temperature)[batch.completion_mask]
        drawn = torch.tensor([value for answer in answers for value in answer.logprobs], device=again.device)
        gaps.append((drawn - again).abs())
    gap = torch.cat(gaps)
    return float(gap.double().mean()), float(gap.max())
