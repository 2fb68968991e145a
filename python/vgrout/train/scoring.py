"""Forwards without gradient over a step's rows: behaviour and base log-probs, and the gate's activations.

Where every row trains under the forward that sampled it, its old log-probs are those of the training forward itself,
bit for bit, and none of this runs but the gate's part.

Old log-probs of a row must come from the policy that sampled it, quarantine on or off, or the importance ratio is wrong. The
gate's activations come from the same forward. With `gate.activations = "ablated"` rows that a full policy sampled are read a
second time, quarantine ablated and without the output head, as the direction is extracted; on the organism that was no better
(ADR 14). Gates that read gradients have a forward and a backward of their own, of the deployed model.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.adapters import RouteMask
from vgrout.policy.policy import Policy
from vgrout.policy.tokens import MicroBatch, RowBatches
from vgrout.rollouts.base import Answer
from vgrout.routing import Feature, Scored
from vgrout.train.forward import (
    row_activations,
    row_gradients,
    row_logprobs,
    row_logprobs_and_activations,
)
from vgrout.train.ranks import SOLO, Ranks


def score_rollouts(
    policy: Policy,
    rows: RowBatches,
    *,
    temperature: float,
    ranks: Ranks = SOLO,
    ablated: bool = True,
    feature: Feature = "activations",
) -> tuple[Float[Tensor, "K L"], Scored]:
    """Old log-probs under the policy that sampled each row, and what the gate reads.

    That is of the model with the quarantine ablated; activations, where not `ablated`, of the policy that sampled the row.
    """

    @torch.no_grad()
    def score(batch: MicroBatch) -> tuple[Tensor, Tensor]:
        mask = RouteMask.sampled(batch.ablated).to(policy.device)
        if feature == "gradients":
            logprobs = row_logprobs(policy, batch.tokens, mask, temperature=temperature)
            return logprobs, row_gradients(policy, batch.tokens)
        values, activations = row_logprobs_and_activations(
            policy, batch.tokens, mask, temperature=temperature
        )
        again = mask.quarantine_on.nonzero().squeeze(-1)
        if ablated and len(again):
            activations[again] = row_activations(policy, batch.tokens, again)
        return values, activations

    logprobs, pooled = zip(*ranks.each(rows.batches, score), strict=True)
    return rows.columns_in_order(logprobs), Scored(pooled=rows.in_order(pooled))


def behaviour_logprobs(
    policy: Policy, rows: RowBatches, *, temperature: float, ranks: Ranks = SOLO
) -> Float[Tensor, "K L"]:
    """Log-probs under the policy that sampled each row."""

    @torch.no_grad()
    def score(batch: MicroBatch) -> Tensor:
        mask = RouteMask.sampled(batch.ablated).to(policy.device)
        return row_logprobs(policy, batch.tokens, mask, temperature=temperature)

    return rows.columns_in_order(ranks.each(rows.batches, score))


def sampler_logprobs(answers: Sequence[Answer], width: int) -> Float[Tensor, "K L"]:
    """Log-probs as the engine said them, NaN behind an answer's end and for answers that no engine drew."""
    values = torch.full((len(answers), width), torch.nan)
    for row, answer in enumerate(answers):
        values[row, : len(answer.logprobs)] = torch.tensor(answer.logprobs)
    return values


def reference_logprobs(
    policy: Policy, rows: RowBatches, *, temperature: float, ranks: Ranks = SOLO
) -> Float[Tensor, "K L"]:
    """Log-probs under the base model, the adapter disabled."""

    @torch.no_grad()
    def score(batch: MicroBatch) -> Tensor:
        return row_logprobs(policy, batch.tokens, None, temperature=temperature)

    return rows.columns_in_order(ranks.each(rows.batches, score))
