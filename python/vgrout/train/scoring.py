"""Forwards without gradient over a step's rows: behaviour and base log-probs, and the gate's activations.

Two things are wanted of a row that a full-policy group sampled, and one forward cannot give both. Its old log-probs
must come from the policy that sampled it, quarantine on, or the importance ratio is wrong. The gate's activations
must come from the policy without quarantine: the direction was extracted from that one, and what the quarantine has
learned would otherwise shift the inputs of every later layer. So rows of full-policy groups are read a second time,
quarantine ablated and without the output head; deploy-mode rows get both from one forward. Only gates that need a
direction pay for it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.adapters import RouteMask
from vgrout.grpo import completion_logprobs
from vgrout.policy.policy import Policy
from vgrout.policy.tokens import RowBatches, TokenBatch
from vgrout.routing import Scored, pooled_activations


@torch.no_grad()
def score_rollouts(policy: Policy, rows: RowBatches, *, temperature: float, with_activations: bool) -> Scored:
    """Old log-probs under the policy that sampled each row, and activations with the quarantine ablated.

    Without `with_activations` the pooled activations are empty, [K, 0, 0].
    """
    logprobs, pooled = [], []
    for batch in rows.batches:
        mask = RouteMask.sampled(batch.ablated).to(policy.device)
        with policy.adapter.routing(mask):
            if not with_activations:
                logprobs.append(_logprobs(policy, batch.tokens, temperature))
                continue
            with policy.adapter.capture(batch.tokens.completion_columns) as capture:
                logprobs.append(_logprobs(policy, batch.tokens, temperature))
        activations = capture.pooled()
        again = mask.quarantine_on.nonzero().squeeze(-1)
        if len(again):
            activations[again] = pooled_activations(
                policy.model,
                policy.adapter,
                batch.tokens.input_ids[again],
                batch.tokens.attention_mask[again],
                batch.tokens.completion_columns[again],
            )
        pooled.append(activations)
    old_logprobs = rows.columns_in_order(logprobs)
    nothing = old_logprobs.new_zeros(len(old_logprobs), 0, 0)
    return Scored(old_logprobs=old_logprobs, pooled=rows.in_order(pooled) if with_activations else nothing)


@torch.no_grad()
def reference_logprobs(policy: Policy, rows: RowBatches, *, temperature: float) -> Float[Tensor, "K L"]:
    """Log-probs under the base model, the adapter disabled."""
    with policy.adapter.disabled():
        return rows.columns_in_order([_logprobs(policy, batch.tokens, temperature) for batch in rows.batches])


@torch.no_grad()
def demonstration_logprob(policy: Policy, rows: RowBatches) -> float:
    """Mean log-probability per token of fixed rows under the policy that `rows` name, in nats."""
    total = tokens = 0.0
    for batch in rows.batches:
        with policy.adapter.routing(RouteMask.sampled(batch.ablated).to(policy.device)):
            total += float(_logprobs(policy, batch.tokens, 1.0).double().sum())
        tokens += float(batch.tokens.completion_mask.sum())
    return total / tokens


def _logprobs(policy: Policy, tokens: TokenBatch, temperature: float) -> Float[Tensor, "b l"]:
    return completion_logprobs(
        policy.model,
        tokens.input_ids,
        tokens.attention_mask,
        tokens.completion_mask,
        temperature=temperature,
    )
