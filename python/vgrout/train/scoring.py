"""Forwards without gradient over a step's rows: behaviour and base log-probs, and the gate's activations.

Two things are wanted of a row that a full-policy group sampled, and one forward cannot give both. Its old log-probs
must come from the policy that sampled it, quarantine on, or the importance ratio is wrong. The gate's activations
must come from the policy without quarantine: the direction was extracted from that one, and what the quarantine has
learned would otherwise shift the inputs of every later layer. So rows of full-policy groups are read a second time,
quarantine ablated and without the output head; deploy-mode rows get both from one forward. Only gates that need a
direction pay for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vgrout.adapters import Lora2r, RouteMask
from vgrout.grpo import completion_logprobs
from vgrout.rollouts.model import LoadedModel
from vgrout.rollouts.tokens import TokenBatch, pack
from vgrout.routing import Scored, pooled_activations


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """Some of a step's K rows, padded among themselves."""

    rows: Int[Tensor, "b"]
    """Places among the K rows; on the CPU."""
    tokens: TokenBatch

    @property
    def width(self) -> int:
        """Completion columns of this batch."""
        return self.tokens.completion_ids.shape[1]


@dataclass(frozen=True, kw_only=True)
class StepRows:
    """The K rows of a step that are worth a forward, in batches of like length.

    Every forward of the step uses the same batches, so that a ratio of equal policies is 1 to the last bit.
    """

    batches: tuple[MicroBatch, ...]
    ablated: Bool[Tensor, "K"]
    """The row was sampled without the quarantine; on the CPU."""
    width: int
    """L: the longest completion of all."""

    def gather(self, parts: Sequence[Float[Tensor, "b l"]]) -> Float[Tensor, "K L"]:
        """Put the batches' columns back into the order of the K rows; 0 beyond a batch's width."""
        whole = torch.zeros(len(self.ablated), self.width, dtype=parts[0].dtype, device=parts[0].device)
        for batch, part in zip(self.batches, parts, strict=True):
            whole[batch.rows.to(whole.device), : part.shape[1]] = part
        return whole


def step_rows(
    prompts: Sequence[tuple[int, ...]],
    completions: Sequence[tuple[int, ...]],
    ablated: Bool[Tensor, "K"],
    policy: LoadedModel,
    rows_per_batch: int,
) -> StepRows:
    """Batch rows by length, longest last."""
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]) + len(completions[row]), row))
    batches = []
    for start in range(0, len(order), rows_per_batch):
        rows = order[start : start + rows_per_batch]
        tokens = pack(
            [prompts[row] for row in rows],
            [completions[row] for row in rows],
            pad_id=policy.pad_id,
            device=policy.device,
        )
        batches.append(MicroBatch(rows=torch.tensor(rows), tokens=tokens))
    return StepRows(
        batches=tuple(batches), ablated=ablated, width=max(len(completion) for completion in completions)
    )


@torch.no_grad()
def score_rollouts(
    policy: LoadedModel, adapter: Lora2r, rows: StepRows, *, temperature: float, with_activations: bool
) -> Scored:
    """Old log-probs under the policy that sampled each row, and activations with the quarantine ablated.

    Without `with_activations` the pooled activations are empty, [K, 0, 0].
    """
    logprobs, pooled = [], []
    for batch in rows.batches:
        mask = RouteMask.sampled(rows.ablated[batch.rows]).to(policy.device)
        with adapter.routing(mask):
            if not with_activations:
                logprobs.append(_logprobs(policy, batch.tokens, temperature))
                continue
            with adapter.capture(batch.tokens.completion_columns) as capture:
                logprobs.append(_logprobs(policy, batch.tokens, temperature))
        activations = capture.pooled()
        again = mask.quarantine_on.nonzero().squeeze(-1)
        if len(again):
            activations[again] = pooled_activations(
                policy.model,
                adapter,
                batch.tokens.input_ids[again],
                batch.tokens.attention_mask[again],
                batch.tokens.completion_columns[again],
                batch_rows=len(again),
            )
        pooled.append(activations)
    gathered = torch.zeros(len(rows.ablated), 0, 0, device=policy.device)
    if with_activations:
        order = torch.cat([batch.rows for batch in rows.batches]).argsort()
        gathered = torch.cat(pooled)[order.to(policy.device)]
    return Scored(old_logprobs=rows.gather(logprobs), pooled=gathered)


@torch.no_grad()
def reference_logprobs(
    policy: LoadedModel, adapter: Lora2r, rows: StepRows, *, temperature: float
) -> Float[Tensor, "K L"]:
    """Log-probs under the base model, the adapter disabled."""
    with adapter.disabled():
        return rows.gather([_logprobs(policy, batch.tokens, temperature) for batch in rows.batches])


@torch.no_grad()
def demonstration_logprob(policy: LoadedModel, adapter: Lora2r, rows: StepRows) -> float:
    """Mean log-probability per token of fixed rows under the policy that `rows.ablated` names, in nats."""
    total = tokens = 0.0
    for batch in rows.batches:
        with adapter.routing(RouteMask.sampled(rows.ablated[batch.rows]).to(policy.device)):
            total += float(_logprobs(policy, batch.tokens, 1.0).double().sum())
        tokens += float(batch.tokens.completion_mask.sum())
    return total / tokens


def _logprobs(policy: LoadedModel, tokens: TokenBatch, temperature: float) -> Float[Tensor, "b l"]:
    return completion_logprobs(
        policy.model,
        tokens.input_ids,
        tokens.attention_mask,
        tokens.completion_mask,
        temperature=temperature,
    )
