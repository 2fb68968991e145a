"""The policy-gradient loss of one masked forward."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vgrout.errors import ConfigError, ShapeError

_MAX_LOG_RATIO = 20.0
"""Log ratios are clamped here, far outside every clip: exp stays finite, and such a token's gradient is 0."""


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
    normaliser: float
    """What sums over tokens are divided by (`constant_normaliser`), the same for all micro-batches of a step."""
    reference_logprobs: Float[Tensor, "B L"] | None = None
    """Of the adapter-disabled base; None leaves the KL term out."""
    sampler_logprobs: Float[Tensor, "B L"] | None = None
    """Of the engine that drew the tokens, NaN for tokens that it did not draw; None leaves its weight out."""
    off_policy: Bool[Tensor, " B"] | None = None
    """Rows that another forward sampled than trains them: truncated importance sampling instead of the clip."""
    clip: float = 0.2
    """PPO's half-width; the ratio is clipped to [1 - clip, 1 + clip]."""
    kl_beta: float = 1e-3
    """Weight of the KL to the reference."""
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
        for name, bound in (("normaliser", 0.0), ("clip", 0.0), ("importance_cap", 0.0)):
            if not getattr(self, name) > bound:
                raise ConfigError(f"LossInputs.{name}: {getattr(self, name)} is not above {bound}")
        if not self.kl_beta >= 0.0:
            raise ConfigError(f"LossInputs.kl_beta: {self.kl_beta} is below 0")


@dataclass(frozen=True, kw_only=True)
class LossOutputs:
    """The loss and what is watched beside it; all but `loss` is detached."""

    loss: Float[Tensor, ""]
    """To be minimised; a sum over tokens divided by the normaliser, so micro-batches add up."""
    policy_loss: Float[Tensor, ""]
    """Its part without the KL."""
    kl: Float[Tensor, ""]
    """Mean k3 estimate per token, nats; 0 without a reference."""
    clip_fraction: Float[Tensor, ""]
    """Share of tokens whose gradient the clip or cap changed."""


def constant_normaliser(group: int, max_new_tokens: int, prompts_per_step: int) -> float:
    """Dr. GRPO's divisor: the tokens a step could hold, so long answers weigh no less per token.

    Raises:
        ConfigError: a factor is below 1.
    """
    if min(group, max_new_tokens, prompts_per_step) < 1:
        raise ConfigError(f"normaliser: {group} · {max_new_tokens} · {prompts_per_step} has a factor below 1")
    return float(group * max_new_tokens * prompts_per_step)


def grpo_loss(inputs: LossInputs) -> LossOutputs:
    """PPO-clipped policy gradient plus β times the k3 KL estimate (arXiv:2503.20783; Schulman 2020).

    With w = exp(logp - old) per token:

        on policy:   s = min(w A, clip(w, 1-ε, 1+ε) A)
        off policy:  s = min(sg(w), cap) · A · exp(logp - sg(logp)), whose gradient is min(w, cap) A ∇logp
        with sampler_logprobs:  s is multiplied by sg(min(exp(old - sampler), cap))
        k3 = exp(ref - logp) - (ref - logp) - 1
        loss = Σ_tokens (-s + β k3) / normaliser

    Old log-probs equal to the present ones give w = 1 and plain REINFORCE gradients.
    """
    mask = inputs.completion_mask
    zero = torch.zeros_like(inputs.logprobs)
    logprobs = torch.where(mask, inputs.logprobs, zero)
    advantages = inputs.advantages[:, None]
    log_ratio = (logprobs - torch.where(mask, inputs.old_logprobs, zero)).clamp(
        -_MAX_LOG_RATIO, _MAX_LOG_RATIO
    )
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - inputs.clip, 1.0 + inputs.clip)
    surrogate = torch.minimum(ratio * advantages, clipped * advantages)
    changed = clipped * advantages < ratio * advantages
    if inputs.off_policy is not None:
        rows = inputs.off_policy[:, None]
        weight = ratio.detach().clamp(max=inputs.importance_cap)
        truncated = weight * advantages * (logprobs - logprobs.detach()).exp()
        surrogate = torch.where(rows, truncated, surrogate)
        changed = torch.where(rows, ratio > inputs.importance_cap, changed)
    if inputs.sampler_logprobs is not None:
        surrogate = surrogate * _sampler_weight(inputs, inputs.sampler_logprobs)
    policy_loss = -(surrogate * mask).sum() / inputs.normaliser
    loss, k3 = policy_loss, zero
    if inputs.reference_logprobs is not None:
        gap = (torch.where(mask, inputs.reference_logprobs, zero) - logprobs).clamp(
            -_MAX_LOG_RATIO, _MAX_LOG_RATIO
        )
        k3 = torch.expm1(gap) - gap
        loss = policy_loss + inputs.kl_beta * (k3 * mask).sum() / inputs.normaliser
    return LossOutputs(
        loss=loss,
        policy_loss=policy_loss.detach(),
        kl=_mean(k3, mask),
        clip_fraction=_mean(changed.to(ratio.dtype), mask),
    )


def _sampler_weight(inputs: LossInputs, sampler: Tensor) -> Tensor:
    """Truncated importance weight [B, L] of the trainer's behaviour policy against the engine's; 1 where it drew none."""
    drawn = inputs.completion_mask & ~sampler.isnan()
    log_ratio = torch.where(drawn, inputs.old_logprobs.detach() - sampler, torch.zeros_like(sampler))
    return log_ratio.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO).exp().clamp(max=inputs.importance_cap)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values.detach() * mask).sum() / mask.sum().clamp(min=1)
