"""One optimiser step: masked forward and backward over the routed rows, clipping and step by block."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.adapters import BlockOptimizer, qmass
from vgrout.adapters.masks import differs
from vgrout.config import TrainConfig
from vgrout.grpo import LossInputs, LossOutputs, StepSize, step_size
from vgrout.policy.policy import Policy
from vgrout.policy.tokens import MicroBatch, RowBatches
from vgrout.train.forward import row_logprobs_and_entropy
from vgrout.train.phases import Routed, Updated
from vgrout.train.ranks import SOLO, Ranks

_Part = tuple[Float[Tensor, "b l"], dict[str, float], float, list[float], list[int]]
"""Of one batch: log-probs before the step, sums, the largest ratio, and of each row the ratios' sum and the tokens."""


class _Sums:
    """Totals over the batches of one step."""

    def __init__(self, rows: RowBatches, parts: Sequence[_Part], zones: Sequence[str]) -> None:
        self.total: dict[str, float] = defaultdict(float)
        self.ratio_max = 0.0
        self.zone_ratio: dict[str, float] = defaultdict(float)
        self.zone_tokens: dict[str, float] = defaultdict(float)
        for batch, (_, figures, ratio_max, ratios, tokens) in zip(rows.batches, parts, strict=True):
            for name, value in figures.items():
                self.total[name] += value
            self.ratio_max = max(self.ratio_max, ratio_max)
            for row, row_ratio, row_tokens in zip(batch.rows.tolist(), ratios, tokens, strict=True):
                self.zone_ratio[zones[row]] += row_ratio
                self.zone_tokens[zones[row]] += row_tokens


def update(
    policy: Policy,
    optimizer: BlockOptimizer,
    rows: RowBatches,
    *,
    routed: Routed,
    config: TrainConfig,
    loss: Callable[[LossInputs], LossOutputs],
    learning_rate: float,
    ranks: Ranks = SOLO,
) -> tuple[Updated, Float[Tensor, "K L"]]:
    """Step the adapter once on the routed rows; give the figures and the old log-probs.

    Raises:
        Diverged: a gradient is not finite.
    """
    optimizer.set_lr(learning_rate)
    optimizer.zero_grad()
    settings = config.rollouts
    size = step_size(
        settings.group_size, settings.max_new_tokens, settings.prompts_per_step, tokens=rows.tokens
    )
    parts = ranks.backward(
        rows.batches,
        lambda batch: _backward(policy, batch, size=size, routed=routed, config=config, loss=loss),
        policy.adapter.parameters(),
    )
    sums = _Sums(rows, parts, routed.decision.zone_names)
    norms = optimizer.clip_per_block(config.optim.clip_norm)
    optimizer.step()
    total, tokens = sums.total, sums.total["tokens"]
    blocks = policy.adapter.blocks()
    updated = Updated(
        learning_rate=learning_rate,
        loss=total["loss"],
        policy_loss=total["policy_loss"],
        kl=total["kl"] / tokens,
        entropy=total["entropy"] / tokens,
        clip_fraction=total["clipped"] / tokens,
        importance_ratio_mean=sum(sums.zone_ratio.values()) / tokens,
        importance_ratio_max=sums.ratio_max,
        importance_ratio_by_zone={
            zone: sums.zone_ratio[zone] / count for zone, count in sorted(sums.zone_tokens.items())
        },
        deployed_gradient_norm=norms["deployed"],
        quarantine_gradient_norm=norms["quarantine"],
        quarantine_mass=qmass(norms),
        deployed_delta_norm=block_norm(blocks["deployed"]),
        quarantine_delta_norm=block_norm(blocks["quarantine"]),
    )
    old = routed.old_logprobs
    return updated, rows.columns_in_order([part[0] for part in parts]) if old is None else old


def _backward(
    policy: Policy,
    batch: MicroBatch,
    *,
    size: StepSize,
    routed: Routed,
    config: TrainConfig,
    loss: Callable[[LossInputs], LossOutputs],
) -> _Part:
    """Add one batch's gradient; give its figures.

    What it is divided by is the whole step's and gradients are summed, so no number of ranks stands anywhere.
    """
    at = batch.rows.to(policy.device)
    mask = routed.decision.mask.to(policy.device)[at]
    tokens = batch.tokens
    completion_mask = tokens.completion_mask
    temperature = config.rollouts.temperature
    logprobs, entropy = row_logprobs_and_entropy(policy, tokens, mask, temperature=temperature)

    def cut(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.to(logprobs)[at, : batch.width]

    old = logprobs.detach() if routed.old_logprobs is None else routed.old_logprobs[at, : batch.width]
    off_policy = None
    if config.loss.off_policy == "truncated":
        off_policy = differs(mask, batch.ablated)
    outputs = loss(
        LossInputs(
            logprobs=logprobs,
            old_logprobs=old,
            advantages=routed.advantages.to(policy.device)[at],
            completion_mask=completion_mask,
            size=size,
            reference_logprobs=cut(routed.reference_logprobs),
            sampler_logprobs=cut(routed.sampler_logprobs),
            sampler_rule=config.loss.sampler_correction,
            off_policy=off_policy,
            clip=config.loss.clip,
            clip_high=config.loss.clip_high,
            kl_beta=config.loss.kl_beta,
            kl_estimator=config.loss.kl_estimator,
            importance_cap=config.loss.ratio_cap,
        )
    )
    torch.autograd.backward(outputs.loss)
    ratio = (logprobs.detach() - old).exp() * completion_mask
    return (
        logprobs.detach(),
        _figures(outputs, entropy, completion_mask),
        float(ratio.max()),
        ratio.sum(1).tolist(),
        completion_mask.sum(1).tolist(),
    )


def _figures(outputs: LossOutputs, entropy: Tensor, completion_mask: Tensor) -> dict[str, float]:
    """Sums over a batch's tokens, and its shares of the step's losses."""
    count = float(completion_mask.sum())
    return {
        "loss": float(outputs.loss.detach()),
        "policy_loss": float(outputs.policy_loss),
        "kl": float(outputs.kl) * count,
        "clipped": float(outputs.clip_fraction) * count,
        "entropy": float((entropy * completion_mask).sum()),
        "tokens": count,
    }


def block_norm(block: list[torch.nn.Parameter]) -> float:
    """2-norm of a block's parameters together."""
    return float(torch.stack([parameter.detach().double().norm() for parameter in block]).norm())
