"""A tiny model and tiny runs for tests: nothing is downloaded, a run takes about two seconds."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import torch
from rich.console import Console

from vgrout.adapters import Lora2r
from vgrout.config import BaseConfig, TrainConfig
from vgrout.presets import SMOKE
from vgrout.rollouts.model import LoadedModel, load_model
from vgrout.train.run import RunResult, run


def tiny_policy() -> LoadedModel:
    """A fresh tiny random Qwen3 with its byte-level tokenizer; the same weights each time."""
    torch.set_num_threads(1)
    return load_model(None, BaseConfig(dtype="float32"), "cpu")


def tiny_adapter(policy: LoadedModel, *, rank: int = 4, noise: float = 0.0, seed: int = 0) -> Lora2r:
    """An adapter on `policy`; with `noise` its blocks hold Gaussian values, so that every mask matters."""
    adapter = Lora2r.attach(policy.model, r=rank, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    if noise:
        with torch.no_grad():
            for parameter in adapter.parameters():
                parameter.normal_(0.0, noise, generator=generator)
    return adapter


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
