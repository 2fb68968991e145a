"""Ragged prompts and completions as padded batches of like length, and the way back to their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class TokenBatch:
    """Rows of prompt (padded on the left to T) and completion (padded on the right to L); S = T + L."""

    input_ids: Int[Tensor, "B S"]
    attention_mask: Bool[Tensor, "B S"]
    """True on real tokens."""
    position_ids: Int[Tensor, "B S"]
    """0 at each row's first real token."""
    prompt_width: int
    """T: the completion starts at this column in every row."""

    @property
    def completion_ids(self) -> Int[Tensor, "B L"]:
        """Completion tokens, padded on the right."""
        return self.input_ids[:, self.prompt_width :]

    @property
    def completion_mask(self) -> Bool[Tensor, "B L"]:
        """True on the completion's real tokens."""
        return self.attention_mask[:, self.prompt_width :]

    @property
    def completion_columns(self) -> Bool[Tensor, "B S"]:
        """True on the completion's real tokens, over the whole width."""
        mask = self.attention_mask.clone()
        mask[:, : self.prompt_width] = False
        return mask


def pad(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    pad_id: int,
    device: torch.device,
) -> TokenBatch:
    """Pad rows to the longest prompt and the longest completion among them."""
    width = max(len(ids) for ids in prompts)
    total = width + max(len(ids) for ids in completions)
    input_ids = torch.full((len(prompts), total), pad_id, dtype=torch.long)
    attention_mask = torch.zeros(len(prompts), total, dtype=torch.bool)
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        ids = torch.tensor([*prompt, *completion], dtype=torch.long)
        start = width - len(prompt)
        input_ids[row, start : start + len(ids)] = ids
        attention_mask[row, start : start + len(ids)] = True
    position_ids = (attention_mask.long().cumsum(-1) - 1).clamp_min(0)
    return TokenBatch(
        input_ids=input_ids.to(device),
        attention_mask=attention_mask.to(device),
        position_ids=position_ids.to(device),
        prompt_width=width,
    )


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
        return self.tokens.completion_ids.shape[1]


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
        tokens = pad(
            [prompts[row] for row in rows], [completions[row] for row in rows], pad_id=pad_id, device=device
        )
        mask = torch.tensor([ablated[row] for row in rows], dtype=torch.bool)
        batches.append(MicroBatch(rows=torch.tensor(rows), tokens=tokens, ablated=mask))
    return RowBatches(batches=tuple(batches), width=max(map(len, completions)))
