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

    def select(self, rows: Int[Tensor, " n"]) -> "PromptTokens":
        """The given rows, some perhaps several times."""
        return PromptTokens(
            input_ids=self.input_ids[rows],
            attention_mask=self.attention_mask[rows],
            position_ids=self.position_ids[rows],
        )


def pad_prompts(prompts: Sequence[Sequence[int]], *, device: torch.device) -> PromptTokens:
    """Pad prompts to the longest among them, each with its own first token.

    A padding token's embedding may be 0, where a norm has no gradient: times 0 that is NaN in every parameter.
    """
    width = max(map(len, prompts))
    input_ids = torch.tensor(
        [[*ids[:1] * (width - len(ids)), *ids] for ids in map(tuple, prompts)], dtype=torch.long
    )
    lengths = torch.tensor([len(ids) for ids in prompts])
    position_ids = torch.arange(width) - (width - lengths)[:, None]
    return PromptTokens(
        input_ids=input_ids.to(device),
        attention_mask=(position_ids >= 0).to(device),
        position_ids=position_ids.clamp_min(0).to(device),
    )


@dataclass(frozen=True, kw_only=True)
class TokenBatch:
    """B rows of prompt and completion: each prompt once, and each completion of a prompt once."""

    prompts: PromptTokens
    """P different prompts."""
    completions: Int[Tensor, "C L"]
    """Padded on the right, where causal attention never looks."""
    token_mask: Bool[Tensor, "C L"]
    """True on the completions' tokens."""
    prompt_of: Int[Tensor, " C"]
    """Each completion's place among the prompts."""
    row_of: Int[Tensor, " B"]
    """Each row's place among the completions."""

    @property
    def completion_mask(self) -> Bool[Tensor, "B L"]:
        """True on the tokens of the rows' completions."""
        return self.token_mask[self.row_of]


_RowKey = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of a row's prompt and completion."""


def pad_rows(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    device: torch.device,
) -> TokenBatch:
    """Pad rows to the longest prompt and the longest completion among them, completions with the row's last token."""
    return _pad_keys(_keys(prompts, completions), device=device)


def _pad_keys(rows: Sequence[_RowKey], *, device: torch.device) -> TokenBatch:
    places = {key: place for place, key in enumerate(dict.fromkeys(rows))}
    prompt_places = {prompt: place for place, prompt in enumerate(dict.fromkeys(key[0] for key in places))}
    width = max(len(ids) for _, ids in places)
    padded = [[*ids, *[(prompt + ids)[-1]] * (width - len(ids))] for prompt, ids in places]
    counts = torch.tensor([len(ids) for _, ids in places])[:, None]
    return TokenBatch(
        prompts=pad_prompts(tuple(prompt_places), device=device),
        completions=torch.tensor(padded, dtype=torch.long).to(device),
        token_mask=(torch.arange(width) < counts).to(device),
        prompt_of=torch.tensor([prompt_places[prompt] for prompt, _ in places], device=device),
        row_of=torch.tensor([places[key] for key in rows], device=device),
    )


def _keys(prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> list[_RowKey]:
    return [(tuple(prompt), tuple(ids)) for prompt, ids in zip(prompts, completions, strict=True)]


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """Some of K rows, padded among themselves."""

    rows: Int[Tensor, " b"]
    """Places among the K rows; on the CPU."""
    tokens: TokenBatch
    ablated: Bool[Tensor, " b"]
    """The row belongs to the policy without quarantine; on the CPU."""

    @property
    def width(self) -> int:
        """Completion columns of this batch."""
        return int(self.tokens.completions.shape[1])


@dataclass(frozen=True, kw_only=True)
class RowBatches:
    """K rows in batches, the same for every forward of a step."""

    batches: tuple[MicroBatch, ...]
    width: int
    """L: the longest completion of all."""
    tokens: int
    """Completion tokens of the K rows."""

    @property
    def ablated(self) -> Bool[Tensor, " K"]:
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
    device: torch.device,
    lengths: Sequence[int] | None = None,
    tokens_per_batch: int | None = None,
) -> RowBatches:
    """Batch rows, `rows_per_batch` different ones together, so that few tokens are padding or read twice.

    With `tokens_per_batch` as many as hold so many tokens in their place, padding included and prompts once; a row that is
    longer stands alone. Rows are ordered by `lengths` instead where several calls must share batches.
    """
    members: dict[_RowKey, list[int]] = {}
    for row, key in enumerate(_keys(prompts, completions)):
        members.setdefault(key, []).append(row)
    if lengths is None:
        order = _cheapest_order(list(members), rows_per_batch, tokens_per_batch)
    else:
        order = sorted(members, key=lambda key: lengths[members[key][0]])
    batches = []
    for keys in _cut(order, rows_per_batch, tokens_per_batch):
        rows = [row for key in keys for row in members[key]]
        tokens = _pad_keys([key for key in keys for _ in members[key]], device=device)
        mask = torch.tensor([ablated[row] for row in rows], dtype=torch.bool)
        batches.append(MicroBatch(rows=torch.tensor(rows), tokens=tokens, ablated=mask))
    lengths_of_rows = [len(ids) for ids in completions]
    return RowBatches(batches=tuple(batches), width=max(lengths_of_rows), tokens=max(sum(lengths_of_rows), 1))


def _cost(rows: Sequence[_RowKey]) -> int:
    """Tokens that a forward over these rows reads: each prompt once, padding included."""
    prompts = {prompt for prompt, _ in rows}
    return len(prompts) * max(map(len, prompts)) + len(rows) * max(len(ids) for _, ids in rows)


def _cut(order: Sequence[_RowKey], size: int, budget: int | None) -> list[Sequence[_RowKey]]:
    if budget is None:
        return [order[start : start + size] for start in range(0, len(order), size)]
    batches: list[list[_RowKey]] = []
    for row in order:
        if batches and _cost([*batches[-1], row]) <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return list(batches)


def _cheapest_order(rows: Sequence[_RowKey], rows_per_batch: int, budget: int | None) -> list[_RowKey]:
    """By length, which pads least, or prompt by prompt, which reads least twice: whichever needs fewer tokens."""
    longest: dict[tuple[int, ...], int] = {}
    for prompt, ids in rows:
        longest[prompt] = max(longest.get(prompt, 0), len(ids))
    by_completion = sorted(rows, key=lambda row: (len(row[1]), len(row[0])))
    by_sum = sorted(rows, key=lambda row: len(row[0]) + len(row[1]))
    by_prompt = sorted(rows, key=lambda row: (longest[row[0]], row[0], len(row[1])))
    orders = (by_completion, by_sum, by_prompt)
    return min(orders, key=lambda order: sum(map(_cost, _cut(order, rows_per_batch, budget))))
