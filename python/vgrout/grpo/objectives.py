"""The losses that can be chosen by name: PPO-clipped policy gradients of one masked forward, plus β times a KL estimate.

With w = exp(logp - old), per token (per answer in GSPO, of the answer's mean log-probs):

    on policy:   s = min(w A, clip(w, 1-ε, 1+ε_high) A)
    off policy:  s = min(sg(w), cap) · A · exp(logp - sg(logp)), whose gradient is min(w, cap) A ∇logp
    with sampler_logprobs:  s is multiplied by the sampler's weight, detached

Old log-probs equal to the present ones give w = 1 and plain REINFORCE gradients. The loss is the sum of -s + β k, each
token's share of it by the objective:

    dr-grpo   1 / slots                 arXiv:2503.20783: long answers weigh no less per token
    grpo      1 / (rows · own length)   arXiv:2402.03300
    dapo      1 / tokens                arXiv:2503.14476; its wider upper clip is `clip_high`
    gspo      1 / (rows · own length)   arXiv:2507.18071; one ratio an answer
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.grpo.loss import KlEstimator, LossInputs, LossOutputs, masked_mean, zeroed

_MAX_LOG_RATIO = 20.0
"""Log ratios are clamped here, far outside every clip: exp stays finite, and such a token's gradient is 0."""

_Total = Callable[[LossInputs, Tensor], Tensor]
"""The sum of per-token terms [B, L], by what the objective divides by."""


def dr_grpo_loss(inputs: LossInputs) -> LossOutputs:
    """Dr. GRPO: every token weighs the same, whatever the length of its answer."""
    return _loss(inputs, _token_surrogate, _per_slot)


def grpo_loss(inputs: LossInputs) -> LossOutputs:
    """GRPO as first published: each answer's mean over its tokens, then the mean over the step's rollouts."""
    return _loss(inputs, _token_surrogate, _per_row)


def dapo_loss(inputs: LossInputs) -> LossOutputs:
    """DAPO's normalisation: the mean over all tokens of the step that train."""
    return _loss(inputs, _token_surrogate, _per_token)


def gspo_loss(inputs: LossInputs) -> LossOutputs:
    """GSPO: ratio, clip and cap are an answer's, of its mean log-probs; then as GRPO."""
    return _loss(inputs, _sequence_surrogate, _per_row)


def _loss(
    inputs: LossInputs, surrogate: Callable[[LossInputs], tuple[Tensor, Tensor]], total: _Total
) -> LossOutputs:
    mask = inputs.completion_mask
    terms, changed = surrogate(inputs)
    policy_loss = -total(inputs, terms)
    loss, k3 = policy_loss, torch.zeros_like(inputs.logprobs)
    if inputs.reference_logprobs is not None:
        gap = (zeroed(inputs.reference_logprobs, mask) - zeroed(inputs.logprobs, mask)).clamp(
            -_MAX_LOG_RATIO, _MAX_LOG_RATIO
        )
        k3 = kl_estimate(gap, "k3")
        chosen = k3 if inputs.kl_estimator == "k3" else kl_estimate(gap, inputs.kl_estimator)
        loss = policy_loss + inputs.kl_beta * total(inputs, chosen)
    return LossOutputs(
        loss=loss,
        policy_loss=policy_loss.detach(),
        kl=masked_mean(k3, mask),
        clip_fraction=masked_mean(changed.to(k3.dtype), mask),
    )


def kl_estimate(gap: Tensor, estimator: KlEstimator) -> Tensor:
    """Per-token estimates of KL(π‖ref) from `gap` = ref - logp at tokens that π drew (Schulman 2020).

    k1 = -gap and k3 = exp(gap) - gap - 1 are unbiased as numbers, k2 = gap²/2 is not. As losses, over tokens that are not
    differentiated through, their expected gradients are 0, ∇KL(ref‖π) and ∇KL(π‖ref) for k1, k3 and k2.
    """
    if estimator == "k1":
        return -gap
    return gap.square() / 2 if estimator == "k2" else torch.expm1(gap) - gap


def _clipped(
    inputs: LossInputs, values: Tensor, log_ratio: Tensor, advantages: Tensor
) -> tuple[Tensor, Tensor]:
    """The surrogate of each `values`, log-probs of tokens or mean ones of answers, and where clip or cap changed it."""
    ratio = log_ratio.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO).exp()
    high = inputs.clip if inputs.clip_high is None else inputs.clip_high
    clipped = ratio.clamp(1.0 - inputs.clip, 1.0 + high)
    surrogate = torch.minimum(ratio * advantages, clipped * advantages)
    changed = clipped * advantages < ratio * advantages
    if inputs.off_policy is not None:
        rows = inputs.off_policy[:, None]
        weight = ratio.detach().clamp(max=inputs.importance_cap)
        truncated = weight * advantages * (values - values.detach()).exp()
        surrogate = torch.where(rows, truncated, surrogate)
        changed = torch.where(rows, ratio > inputs.importance_cap, changed)
    return surrogate, changed


def _token_surrogate(inputs: LossInputs) -> tuple[Float[Tensor, "B L"], Tensor]:
    mask = inputs.completion_mask
    logprobs = zeroed(inputs.logprobs, mask)
    log_ratio = logprobs - zeroed(inputs.old_logprobs, mask)
    surrogate, changed = _clipped(inputs, logprobs, log_ratio, inputs.advantages[:, None])
    return _weighed(inputs, surrogate, by_answer=False), changed


def _sequence_surrogate(inputs: LossInputs) -> tuple[Float[Tensor, "B L"], Tensor]:
    """The answer's own at every one of its tokens, so that its mean over them is the answer's."""
    mask = inputs.completion_mask
    length = mask.sum(1, keepdim=True).clamp(min=1)
    means = zeroed(inputs.logprobs, mask).sum(1, keepdim=True) / length
    old = zeroed(inputs.old_logprobs, mask).sum(1, keepdim=True) / length
    surrogate, changed = _clipped(inputs, means, means - old, inputs.advantages[:, None])
    surrogate = _weighed(inputs, surrogate, by_answer=True)
    return surrogate.expand(mask.shape), changed.expand(mask.shape)


def _weighed(inputs: LossInputs, surrogate: Tensor, *, by_answer: bool) -> Tensor:
    """Times the sampler's weight: the trainer's behaviour policy against the engine's, 1 where no engine drew."""
    sampler = inputs.sampler_logprobs
    if sampler is None or inputs.sampler_rule == "none":
        return surrogate
    mask, cap = inputs.completion_mask, inputs.importance_cap
    drawn = mask & ~sampler.isnan()
    log_ratio = torch.where(drawn, inputs.old_logprobs.detach() - sampler, torch.zeros_like(sampler))
    masks = inputs.sampler_rule == "sequence-masked"
    if masks or by_answer:
        log_ratio = log_ratio.sum(1, keepdim=True)
    if by_answer and not masks:
        log_ratio = log_ratio / mask.sum(1, keepdim=True).clamp(min=1)
    ratio = log_ratio.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO).exp()
    return surrogate * (torch.where(ratio > cap, 0.0, ratio) if masks else ratio.clamp(max=cap))


def _per_slot(inputs: LossInputs, values: Float[Tensor, "B L"]) -> Float[Tensor, ""]:
    return (values * inputs.completion_mask).sum() / inputs.size.slots


def _per_row(inputs: LossInputs, values: Float[Tensor, "B L"]) -> Float[Tensor, ""]:
    mask = inputs.completion_mask
    means = (values * mask).sum(1) / mask.sum(1).clamp(min=1)
    return means.sum() / inputs.size.rows


def _per_token(inputs: LossInputs, values: Float[Tensor, "B L"]) -> Float[Tensor, ""]:
    return (values * inputs.completion_mask).sum() / inputs.size.tokens
