"""A tiny model and tiny runs for tests: nothing is downloaded, a run takes about two seconds."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import torch
from rich.console import Console

from vgrout.config import AdapterConfig, BaseConfig, TrainConfig
from vgrout.policy.model import load_policy
from vgrout.policy.policy import Policy
from vgrout.presets import SMOKE
from vgrout.train.run import RunResult, run


def tiny_policy(*, rank: int = 4, noise: float = 0.0) -> Policy:
    """A fresh tiny random Qwen3 with its byte-level tokenizer and an adapter; the same weights each time.

    With `noise` the adapter's blocks hold Gaussian values, so that every mask matters.
    """
    torch.set_num_threads(1)
    policy = load_policy(None, BaseConfig(dtype="float32"), AdapterConfig(rank=rank), device="cpu", seed=0)
    generator = torch.Generator().manual_seed(1)
    if noise:
        with torch.no_grad():
            for parameter in policy.adapter.parameters():
                parameter.normal_(0.0, noise, generator=generator)
    return policy


def tiny_config(run_dir: Path, **changes: object) -> TrainConfig:
    """The smoke recipe cut down to 4 steps of 2 prompts; `section__field=value` changes a nested setting."""
    config = replace(
        SMOKE,
        steps=4,
        checkpoint_every=2,
        run_dir=run_dir,
        rollouts=replace(SMOKE.rollouts, prompts_per_step=2, max_new_tokens=96),
        gate=replace(SMOKE.gate, warmup=8, capacity=24),
        eval=replace(SMOKE.eval, problems=2, samples=1, max_new_tokens=8),
        guard=replace(SMOKE.guard, rows=2),
    )
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            config = replace(config, **{section: replace(getattr(config, section), **{field: value})})
        else:
            config = replace(config, **{name: value})
    return config


def tiny_run(config: TrainConfig) -> RunResult:
    """Run it, its progress thrown away."""
    return run(config, Console(file=StringIO()))
