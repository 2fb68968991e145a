"""A run's policy as files that other programs load: a LoRA for PEFT and vLLM, or a whole model."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from rich.console import Console
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM

from vgrout import registry
from vgrout.adapters import RouteMask, merged, write_adapter
from vgrout.config import Dtype, TrainConfig
from vgrout.env.pairs import load_pairs
from vgrout.errors import ConfigError, StorageError, VgroutError
from vgrout.files import new_folder, writing
from vgrout.grpo import completion_logprobs
from vgrout.policy.policy import Policy
from vgrout.train import checkpoint
from vgrout.train.directions import pair_tokens
from vgrout.train.export_card import card
from vgrout.train.forward import row_logprobs
from vgrout.train.progress import log_to
from vgrout.train.session import chosen_pairs, configure_torch
from vgrout.train.starts import policy_of

log = logging.getLogger(__name__)
PolicyChoice = Literal["deployed", "full"]
TEXTS = 8
"""Answers on which a merged model is compared with the adapted one."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How far a merged model is from the adapted one, in nats a token."""

    mean: float
    largest: float
    texts: int

    def __str__(self) -> str:
        return f"mean {self.mean:.2g}, max {self.largest:.2g} nats a token on {self.texts} answers"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    folder: Path
    step: int
    policy: PolicyChoice
    rank: int | None
    """Of the LoRA; None of a whole model."""
    megabytes: float
    drift: Drift | None
    """Of a whole model."""


def export_run(
    path: Path, out: Path, *, policy: PolicyChoice, merge: bool, dtype: Dtype, device: str, console: Console
) -> Exported:
    """Write the policy of the run at `path`, from its last checkpoint, to the new folder `out`.

    Raises:
        ConfigError: there is no run or no checkpoint at `path`, `out` exists, or PEFT could not load the adapter.
        StorageError: the disk refuses it.
    """
    log_to(console)
    if out.exists():
        raise ConfigError(f"out: {out} exists\nhint: give a new folder")
    config, saved, file = checkpoint.load_run(path)
    configure_torch(config)
    # Merging needs weights that small differences are not lost in: the run's own, which are exact in float32.
    loaded = policy_of(config, device, partial(chosen_pairs, config.gate), widen=merge)
    with checkpoint.fitting(file):
        loaded.adapter.load_state_dict(dict(saved.adapter))
    ablates = bool(registry.load(registry.ARMS, config.intervention, "intervention").ablates_at_deployment)
    quarantine = 0.0 if policy == "deployed" and ablates else 1.0
    drift, rank = None, None
    with new_folder(out) as folder, _saying(out), writing(out):
        if merge:
            _write_merged(loaded, folder, quarantine, dtype)
            drift = _drift(loaded, folder, quarantine, dtype, config)
        else:
            blocks: Literal["deployed", "both"] = "both" if quarantine else "deployed"
            rank = write_adapter(loaded.adapter, folder, blocks=blocks, dtype=getattr(torch, dtype))
        text = card(path, config, saved.step, policy=policy, quarantine=quarantine, rank=rank, drift=drift)
        (folder / "README.md").write_text(text, encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o644)  # safetensors keeps its files to their owner
    size = sum(file.stat().st_size for file in out.iterdir() if file.is_file())
    return Exported(folder=out, step=saved.step, policy=policy, rank=rank, megabytes=size / 1e6, drift=drift)


@contextmanager
def _saying(out: Path) -> Iterator[None]:
    """Safetensors has an error of its own for what the disk refuses."""
    try:
        yield
    except SafetensorError as error:
        raise StorageError(f"{out}: cannot be written: {error}") from error


def _write_merged(policy: Policy, folder: Path, quarantine: float, dtype: Dtype) -> None:
    """The model with the policy in its weights, and its tokenizer."""
    model: Any = policy.model
    target = getattr(torch, dtype)
    with merged(policy.adapter, quarantine=quarantine):
        state = {name: value.to(target) for name, value in model.state_dict().items()}
        own, model.config.dtype = model.config.dtype, target
        model.save_pretrained(folder, state_dict=state)
        model.config.dtype = own
    policy.tokenizer.save_pretrained(folder)


@torch.no_grad()
def _drift(policy: Policy, folder: Path, quarantine: float, dtype: Dtype, config: TrainConfig) -> Drift:
    """Compare the model in `folder`, loaded anew, with the adapted one, on texts of the contrast pairs."""
    whole = AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=config.base.attention, local_files_only=True
    )
    whole = whole.to(policy.device).eval()
    pairs = pair_tokens(load_pairs(config.gate.pairs), policy)[: TEXTS // 2]
    answers = [(prompt, ids) for prompt, hack, clean in pairs for ids in (hack, clean)]
    temperature, gaps = config.rollouts.temperature, []
    for prompt, ids in answers:
        rows = policy.batches([prompt], [ids], [not quarantine], rows_per_batch=1)
        mask = RouteMask.sampled(rows.ablated).to(policy.device)
        ours = row_logprobs(policy, rows.batches[0].tokens, mask, temperature=temperature)
        both = torch.tensor([[*prompt, *ids]], device=policy.device)
        completion = torch.arange(both.shape[1], device=policy.device)[None] >= len(prompt)
        theirs = completion_logprobs(whole, both, torch.ones_like(both), completion, temperature=temperature)
        gaps.append((ours[0] - theirs[0].to(ours)[-len(ids) :]).abs().flatten())
    gap = torch.cat(gaps)
    return Drift(mean=float(gap.mean()), largest=float(gap.max()), texts=len(answers))


def push(folder: Path, repository: str) -> str:
    """Upload an exported folder to `repository` of the model hub, private unless it exists; give its address.

    Raises:
        VgroutError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(repository, exist_ok=True, private=True)
        return str(api.upload_folder(repo_id=repository, folder_path=str(folder)))
    except Exception as error:  # the hub's client raises its own, its transport's and plain ones
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VgroutError(
            f"push_to_hub: {repository}: {reason}\nhint: the files are in {folder}; "
            f"`hf upload {repository} {folder}` sends them later"
        ) from error
