"""What a loss is given and what it gives; the losses themselves are in `objectives.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vgrout.errors import ConfigError, ShapeError

KlEstimator = Literal["k1", "k2", "k3"]
SamplerRule = Literal["none", "truncated", "sequence-masked"]


@dataclass(frozen=True, kw_only=True)
class StepSize:
    """How much a whole step holds, all its micro-batches and ranks together: what a loss may divide by.

    Raises:
        ConfigError: a number is below 1.
    """

    rows: int
    """Rollouts, P·G, those of uninformative groups included: they add zeros."""
    tokens: int
    """Completion tokens of the rows that train."""
    slots: int
    """Tokens that the step could hold, P·G·max_new_tokens."""

    def __post_init__(self) -> None:
        if min(self.rows, self.tokens, self.slots) < 1:
            raise ConfigError(
                f"StepSize: {self.rows} rows, {self.tokens} tokens, {self.slots} slots: one is below 1"
            )


@dataclass(frozen=True, kw_only=True)
class LossInputs:
    """What the loss of some rows is made of.

    Raises:
        ShapeError: two fields disagree in B or L.
        ConfigError: a number is outside its range.
    """

    logprobs: Float[Tensor, "B L"]
    """Of the training forward, with gradient, at the sampling temperature."""
    old_logprobs: Float[Tensor, "B L"]
    """Under the policy that sampled the row."""
    advantages: Float[Tensor, " B"]
    """One per rollout."""
    completion_mask: Bool[Tensor, "B L"]
    """The tokens that count; values elsewhere are never read."""
    size: StepSize
    """Of the whole step, the same for all its micro-batches."""
    reference_logprobs: Float[Tensor, "B L"] | None = None
    """Of the adapter-disabled base; None leaves the KL term out."""
    sampler_logprobs: Float[Tensor, "B L"] | None = None
    """Of the engine that drew the tokens, NaN for tokens that it did not draw; None leaves its weight out."""
    sampler_rule: SamplerRule = "truncated"
    """The weight that they give: none, min(ratio, cap) a token, or the product of an answer's ratios, 0 above the cap."""
    off_policy: Bool[Tensor, " B"] | None = None
    """Rows that another forward sampled than trains them: truncated importance sampling instead of the clip."""
    clip: float = 0.2
    """The ratio is clipped to [1 - clip, 1 + clip_high]."""
    clip_high: float | None = None
    """None is `clip`."""
    kl_beta: float = 1e-3
    """Weight of the KL to the reference."""
    kl_estimator: KlEstimator = "k3"
    """What is added to the loss for it."""
    importance_cap: float = 2.0
    """Upper bound of the detached ratio of off-policy rows, and of the sampler's weight."""

    def __post_init__(self) -> None:
        shape = tuple(self.completion_mask.shape)
        expected: dict[str, tuple[int, ...]] = {
            "logprobs": shape,
            "old_logprobs": shape,
            "reference_logprobs": shape,
            "sampler_logprobs": shape,
            "advantages": shape[:1],
            "off_policy": shape[:1],
        }
        for name, want in expected.items():
            value: Tensor | None = getattr(self, name)
            if value is not None and tuple(value.shape) != want:
                raise ShapeError(f"LossInputs.{name}: {list(value.shape)}, expected {list(want)}")
        for name in ("clip", "clip_high", "importance_cap"):
            number = getattr(self, name)
            if number is not None and not number > 0.0:
                raise ConfigError(f"LossInputs.{name}: {number} is not above 0")
        if not self.kl_beta >= 0.0:
            raise ConfigError(f"LossInputs.kl_beta: {self.kl_beta} is below 0")


@dataclass(frozen=True, kw_only=True)
class LossOutputs:
    """The loss and what is watched beside it; all but `loss` is detached."""

    loss: Float[Tensor, ""]
    """To be minimised; sums over tokens divided by what the whole step holds, so micro-batches add up."""
    policy_loss: Float[Tensor, ""]
    """Its part without the KL."""
    kl: Float[Tensor, ""]
    """Mean k3 estimate per token, nats, whatever the loss takes; 0 without a reference."""
    clip_fraction: Float[Tensor, ""]
    """Share of tokens whose gradient the clip or cap changed."""


def step_size(group: int, max_new_tokens: int, prompts_per_step: int, tokens: int) -> StepSize:
    """Of a step with P prompts of G rollouts, whose training rows hold `tokens` completion tokens."""
    rows = group * prompts_per_step
    return StepSize(rows=rows, tokens=tokens, slots=rows * max_new_tokens)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the mask, detached; 0 where it is empty."""
    return (values.detach() * mask).sum() / mask.sum().clamp(min=1)


def zeroed(values: Tensor, mask: Tensor) -> Tensor:
    """`values` with zeros behind the mask: what stands there is never read."""
    return torch.where(mask, values, torch.zeros_like(values))
