"""What the phases of a training step hand to each other: one frozen dataclass each.

P prompts, G rollouts a prompt, B = P * G rows (row = p * G + g), K of them worth a forward, L completion tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vgrout.grading import Diagnostics
from vgrout.policy.showings import Showing
from vgrout.rollouts.base import Rollouts
from vgrout.routing import GateDecision


@dataclass(frozen=True, kw_only=True)
class PromptBatch:
    """The P prompts of a step."""

    step: int
    """Counted from 1."""
    showings: tuple[Showing, ...]
    ablated: tuple[bool, ...]
    """The whole group comes from the policy without quarantine."""


@dataclass(frozen=True, kw_only=True)
class Graded:
    """Rewards of a step, and the labels that only measurement and labelled gates may see."""

    rewards: Float[np.ndarray, " B"]
    diagnostics: Diagnostics
    texts: tuple[str, ...]
    """The answers that were graded."""
    shaped: Float[np.ndarray, " B"] | None = None
    """What the run's remedy made of the rewards; None before it was asked."""
    flagged: Bool[np.ndarray, " B"] | None = None
    """Whom it holds for a hack; None where it decides nothing."""

    @property
    def trained(self) -> Float[np.ndarray, " B"]:
        """The rewards that advantages are made of."""
        return self.rewards if self.shaped is None else self.shaped


@dataclass(frozen=True, kw_only=True)
class Routed:
    """The rows worth a forward, scored under the policy that sampled them, and where their updates go."""

    indices: Int[Tensor, " K"]
    """Places among the B rows, of groups whose rewards differ; increasing."""
    old_logprobs: Float[Tensor, "K L"] | None
    """Under the policy that sampled the row; None where every row trains under that one: then they are those of the
    training forward."""
    reference_logprobs: Float[Tensor, "K L"] | None
    """Under the base model; None where the KL term is off."""
    sampler_logprobs: Float[Tensor, "K L"] | None = None
    """As the engine said them, NaN where it drew nothing; None where they are not corrected for."""
    advantages: Float[Tensor, " K"]
    decision: GateDecision


@dataclass(frozen=True, kw_only=True)
class Updated:
    """Figures of one optimiser step, under their names in `metrics.jsonl`."""

    learning_rate: float
    loss: float
    policy_loss: float
    kl: float
    """Mean k3 estimate, nats a token."""
    entropy: float
    """Nats a token."""
    clip_fraction: float
    importance_ratio_mean: float
    importance_ratio_max: float
    importance_ratio_by_zone: Mapping[str, float]
    deployed_gradient_norm: float
    """Before clipping, as the next."""
    quarantine_gradient_norm: float
    quarantine_mass: float
    deployed_delta_norm: float
    """Of the differences from the initialisation after the step, as the next."""
    quarantine_delta_norm: float


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """Everything that a step produced; `records.py` turns it into rows of plain values."""

    prompts: PromptBatch
    rollouts: Rollouts
    graded: Graded
    routed: Routed | None
    """None where every group's rewards were equal: nothing was trained."""
    updated: Updated | None
    trainer_logprobs: Float[Tensor, "K L"] | None
    """Of the K rows before the step, under the policy that sampled them."""
    teacher_logprob: float | None
    """Of the guard's fixed demonstrations after the step, nats a token."""
    seconds: Mapping[str, float]
    """Phase to wall time."""
