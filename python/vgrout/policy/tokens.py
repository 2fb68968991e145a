"""Ragged prompts and completions as padded batches of like length, and the way back to their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class PromptTokens:
    """Prompts that are to be gone on from: padded on the left, so that all end in the last column."""

    input_ids: Int[Tensor, "B T"]
    attention_mask: Bool[Tensor, "B T"]
    """True on real tokens."""
    position_ids: Int[Tensor, "B T"]
    """0 at each row's first real token."""


def pad_prompts(prompts: Sequence[Sequence[int]], *, pad_id: int, device: torch.device) -> PromptTokens:
    """Pad prompts to the longest among them."""
    width = max(map(len, prompts))
    input_ids = torch.tensor([[pad_id] * (width - len(ids)) + list(ids) for ids in prompts], dtype=torch.long)
    lengths = torch.tensor([len(ids) for ids in prompts])
    position_ids = torch.arange(width) - (width - lengths)[:, None]
    return PromptTokens(
        input_ids=input_ids.to(device),
        attention_mask=(position_ids >= 0).to(device),
        position_ids=position_ids.clamp_min(0).to(device),
    )


@dataclass(frozen=True, kw_only=True)
class TokenBatch:
    """Rows of prompt and completion, padded on the right, where causal attention never looks."""

    input_ids: Int[Tensor, "B S"]
    completion_columns: Bool[Tensor, "B S"]
    """True on the completion's tokens."""

    @property
    def completion_mask(self) -> Bool[Tensor, "B L"]:
        """The completions side by side, each from column 0: true on their tokens."""
        counts = self.completion_columns.sum(1)
        return torch.arange(int(counts.max()), device=counts.device) < counts[:, None]


def pad_rows(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    pad_id: int,
    device: torch.device,
) -> TokenBatch:
    """Pad rows to the longest among them."""
    rows = [[*prompt, *completion] for prompt, completion in zip(prompts, completions, strict=True)]
    width = max(map(len, rows))
    input_ids = torch.tensor([ids + [pad_id] * (width - len(ids)) for ids in rows], dtype=torch.long)
    starts = torch.tensor([len(prompt) for prompt in prompts])[:, None]
    ends = torch.tensor([len(ids) for ids in rows])[:, None]
    columns = torch.arange(width)
    inside = (columns >= starts) & (columns < ends)
    return TokenBatch(input_ids=input_ids.to(device), completion_columns=inside.to(device))


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """Some of K rows, padded among themselves."""

    rows: Int[Tensor, "b"]
    """Places among the K rows; on the CPU."""
    tokens: TokenBatch
    ablated: Bool[Tensor, "b"]
    """The row belongs to the policy without quarantine; on the CPU."""

    @property
    def width(self) -> int:
        """Completion columns of this batch."""
        return int(self.tokens.completion_columns.sum(1).max())


@dataclass(frozen=True, kw_only=True)
class RowBatches:
    """K rows in batches of like length, longest last.

    Every forward of a step uses the same batches, so that a ratio of equal policies is 1 to the last bit.
    """

    batches: tuple[MicroBatch, ...]
    width: int
    """L: the longest completion of all."""

    @property
    def ablated(self) -> Bool[Tensor, "K"]:
        """Which rows belong to the policy without quarantine."""
        return self.in_order([batch.ablated for batch in self.batches])

    def in_order(self, parts: Sequence[Tensor]) -> Tensor:
        """Put the batches' values, one a row, back into the order of the K rows."""
        order = torch.cat([batch.rows for batch in self.batches]).argsort()
        return torch.cat(list(parts))[order.to(parts[0].device)]

    def columns_in_order(self, parts: Sequence[Float[Tensor, "b l"]]) -> Float[Tensor, "K L"]:
        """Put the batches' columns back into the order of the K rows; 0 beyond a batch's width."""
        return self.in_order([functional.pad(part, (0, self.width - part.shape[1])) for part in parts])


def batch_rows(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    ablated: Sequence[bool],
    *,
    rows_per_batch: int,
    pad_id: int,
    device: torch.device,
    lengths: Sequence[int] | None = None,
) -> RowBatches:
    """Batch rows by their length in tokens, or by `lengths` where rows of several calls must share batches."""
    if lengths is None:
        lengths = [
            len(prompt) + len(completion) for prompt, completion in zip(prompts, completions, strict=True)
        ]
    order = sorted(range(len(prompts)), key=lengths.__getitem__)
    batches = []
    for start in range(0, len(order), rows_per_batch):
        rows = order[start : start + rows_per_batch]
        tokens = pad_rows(
            [prompts[row] for row in rows], [completions[row] for row in rows], pad_id=pad_id, device=device
        )
        mask = torch.tensor([ablated[row] for row in rows], dtype=torch.bool)
        batches.append(MicroBatch(rows=torch.tensor(rows), tokens=tokens, ablated=mask))
    return RowBatches(batches=tuple(batches), width=max(map(len, completions)))
