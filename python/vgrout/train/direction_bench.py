"""Is a direction worth a training run? The pairs' direction against rollouts of a run that have been graded.

The direction and the activations are those of the run's base model, with the adapter as it is before the first step:
what a new run's gate would begin with. Nothing is sampled or graded.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from vgrout.artifacts import PROMPTS, ROLLOUTS, read_records
from vgrout.config import TrainConfig
from vgrout.config_file import load_config
from vgrout.errors import ConfigError, DataError
from vgrout.policy.policy import Policy
from vgrout.schemas import Schema
from vgrout.train.directions import DirectionSource, pair_tokens
from vgrout.train.forward import row_activations
from vgrout.train.separation import Separation, separations
from vgrout.train.session import chosen_pairs, configure_torch
from vgrout.train.starts import policy_of


@dataclass(frozen=True, kw_only=True)
class DirectionBench:
    """What a direction tells apart among a run's rollouts."""

    pairs: int
    exploited: int
    """Rollouts in the sample that passed by the loophole alone."""
    others: int
    held_out_paired_accuracy: float
    """Share of pairs whose hack scores above its clean text by the direction of the other pairs."""
    together: Separation
    """Scored as the gate does: the sum over all modules."""
    modules: tuple[Separation, ...]
    """In the model's order."""

    def ranked(self) -> tuple[Separation, ...]:
        """Modules, the AUROC farthest over its band first, the one farthest under it last."""
        return tuple(sorted(self.modules, key=lambda one: (-one.auroc.beyond, -one.auroc.value)))


@dataclass(frozen=True, kw_only=True)
class GradedText:
    """One graded rollout of a hinted prompt."""

    prompt: str
    completion: str
    completion_tokens: int
    exploited: bool


def bench_run(
    path: Path, *, pairs: Path | None, draws: int, rows: int, teacher: bool, device: str, console: Console
) -> DirectionBench:
    """Measure the direction of `pairs`, by default the run's own, on at most `rows` of the run's rollouts.

    With `teacher` its demonstrations are taken beside the policy's own rollouts.

    Raises:
        ConfigError: there is no run at `path`, or a setting is out of range.
        DataError: the run keeps no prompts, or its rollouts hold nothing to tell apart.
    """
    config = bench_config(path, pairs=pairs, device=device)
    texts = sample_texts(graded_texts(path, teacher=teacher), rows)
    configure_torch(config)
    pairs_of_run = chosen_pairs(config.gate)
    policy = policy_of(config, device, lambda: pairs_of_run)
    chosen = pair_tokens(pairs_of_run, policy)
    direction = DirectionSource(
        policy, chosen, random_seed=None, refresh_every=1, rows_per_batch=config.optim.rows_per_batch
    ).extract()
    exploited = np.array([text.exploited for text in texts])
    together, modules = separations(
        _activations(policy, texts, config, console),
        exploited,
        direction.vector,
        policy.adapter.module_names,
        tail_quantile=config.gate.tail_quantile,
        draws=draws,
    )
    return DirectionBench(
        pairs=len(chosen),
        exploited=int(exploited.sum()),
        others=int((~exploited).sum()),
        held_out_paired_accuracy=direction.held_out_paired_accuracy,
        together=together,
        modules=modules,
    )


def bench_config(path: Path, *, pairs: Path | None, device: str) -> TrainConfig:
    """Give the run's settings with `device` and, where given, all of `pairs`.

    Raises:
        ConfigError: there is no run at `path`.
    """
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"RUN: {path} has no config.json\nhint: give the folder of a run that vgrout-train wrote"
        )
    own = load_config(path / "config.json")
    if pairs is not None:
        own = replace(own, gate=replace(own.gate, pairs=pairs, max_pairs=None, leave_out_mode=None))
    return replace(own, device=device)  # type: ignore[arg-type]


def graded_texts(path: Path, *, teacher: bool) -> list[GradedText]:
    """Give the run's graded rollouts of hinted prompts.

    Raises:
        DataError: the run keeps no rollouts or prompts, or none or all of its rollouts are exploited.
    """
    prompts = {(row["problem_id"], row["hackable"]): row["prompt"] for row in _rows(path, PROMPTS)}
    texts = []
    for number, row in enumerate(_rows(path, ROLLOUTS), start=1):
        mine = row["hackable"] and (teacher or row["source"] == "policy")
        if not mine or row["exploited"] is None or row["completion"] is None:
            continue
        if (row["problem_id"], True) not in prompts:
            raise DataError(
                f"{path / ROLLOUTS.file}:{number}: field `problem_id`: {row['problem_id']!r} has no hinted prompt "
                f"in {PROMPTS.file}\nhint: the two files are not of one run"
            )
        texts.append(
            GradedText(
                prompt=prompts[row["problem_id"], True],
                completion=row["completion"],
                completion_tokens=row["completion_tokens"] or 0,
                exploited=row["exploited"],
            )
        )
    exploited = sum(text.exploited for text in texts)
    if exploited in (0, len(texts)):
        whose = "rollouts" if teacher else "the policy's own rollouts"
        hint = "take a run that learned to exploit, and not at once"
        if not teacher:
            hint += ", or count the teacher's rollouts too: `--teacher True`"
        raise DataError(
            f"{path / ROLLOUTS.file}: {exploited} of {len(texts)} of {whose} of hinted prompts are exploited, so there "
            f"is nothing to tell apart\nhint: {hint}"
        )
    return texts


def sample_texts(texts: list[GradedText], rows: int) -> list[GradedText]:
    """Give at most `rows` of them, in their order, drawn with a fixed seed from each label by itself.

    Labels keep their shares, but the rarer one fills a quarter of the sample as far as it reaches.

    Raises:
        ConfigError: `rows` is below 8.
    """
    if rows < 8:
        raise ConfigError(f"rows: {rows} is below 8")
    if len(texts) <= rows:
        return texts
    sides = [[place for place, text in enumerate(texts) if text.exploited is side] for side in (True, False)]
    rare, common = sorted(sides, key=len)
    few = min(len(rare), max(round(rows * len(rare) / len(texts)), rows // 4))
    generator = np.random.default_rng(0)
    drawn = [
        generator.choice(side, size, replace=False) for side, size in ((rare, few), (common, rows - few))
    ]
    return [texts[place] for place in sorted(np.concatenate(drawn).tolist())]


def _rows(path: Path, schema: Schema) -> list[dict[str, Any]]:
    """Rows of one of the run's files, there being some."""
    file = path / schema.file
    rows = list(read_records(file, schema)) if file.is_file() else []
    if not rows:
        raise DataError(
            f"{file}: missing or empty\nhint: take a run of this version of vgrout that has finished a step"
        )
    return rows


def _activations(
    policy: Policy, texts: list[GradedText], config: TrainConfig, console: Console
) -> Float[Tensor, "B M r"]:
    """Pooled activations of the texts, end tokens included where the answer was not cut off."""
    completions = []
    for text in texts:
        cut = text.completion_tokens >= config.rollouts.max_new_tokens
        ids = policy.encode(text.completion)
        completions.append(ids if cut and ids else (*ids, policy.end_ids[0]))
    rows = policy.batches(
        [policy.encode(text.prompt) for text in texts],
        completions,
        [True] * len(texts),
        rows_per_batch=config.optim.rows_per_batch,
    )
    seen = track(
        rows.batches,
        "reading activations",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    return rows.in_order([row_activations(policy, batch.tokens).cpu() for batch in seen])
