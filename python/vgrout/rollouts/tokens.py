"""Ragged prompts and completions as padded batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


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


def pack(
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
