"""Forwards over a step's rows that read each prompt once for all the completions that follow it.

The prompt's keys and values are kept with their graph and shared by its completions, so gradients through the prompt
are those of reading it again in every row. Rows that are equal to the last token are read once as well; both only
where the rows' masks are equal, too.

A recurrent layer overwrites its state, which its gradient would still need: models with one read every row whole. So do
forwards whose blocks are made again in the backward (`base.checkpointing`): a cache would be filled twice.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache

from vgrout.adapters import RouteMask
from vgrout.grpo import hidden_logprobs_and_entropy
from vgrout.policy.cache import filled_cache, new_cache, select_rows
from vgrout.policy.policy import Policy
from vgrout.policy.recompute import recomputing
from vgrout.policy.tokens import PromptTokens, TokenBatch


def row_logprobs(
    policy: Policy, tokens: TokenBatch, mask: RouteMask | None, *, temperature: float
) -> Float[Tensor, "b l"]:
    """Log-probabilities of the completions, 0 behind their ends; see `row_logprobs_and_entropy`."""
    return _read_and_score(policy, tokens, mask, temperature, entropy=False)[0]


def row_logprobs_and_entropy(
    policy: Policy, tokens: TokenBatch, mask: RouteMask | None, *, temperature: float
) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b l"]]:
    """Log-probabilities of the completions and entropies (nats, no gradient), both 0 behind their ends.

    Args:
        policy: the model with its adapter.
        tokens: b rows.
        mask: one row per row of `tokens`; None for the base alone.
        temperature: the sampler's.
    """
    return _read_and_score(policy, tokens, mask, temperature, entropy=True)


@torch.no_grad()
def row_logprobs_and_activations(
    policy: Policy, tokens: TokenBatch, mask: RouteMask, *, temperature: float
) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b M r"]]:
    """Log-probabilities of the completions and the activations A[:r]·x pooled over them, in one forward."""
    prefix = _read_prompts(policy, tokens, mask)
    states, pooled = _capture_completions(policy, tokens, prefix)
    return _score(policy, tokens, prefix, states[:, :-1], temperature, entropy=False)[0], pooled


@torch.no_grad()
def row_activations(
    policy: Policy, tokens: TokenBatch, rows: Int[Tensor, " b"] | None = None
) -> Float[Tensor, "b M r"]:
    """Activations A[:r]·x pooled over each completion under the deployed model, of all rows or of some."""
    if rows is not None:
        tokens = replace(tokens, row_of=tokens.row_of[rows])
    prefix = _read_prompts(policy, tokens, RouteMask.keep(len(tokens.row_of), policy.device))
    return _capture_completions(policy, tokens, prefix)[1]


def row_gradients(
    policy: Policy, tokens: TokenBatch, rows: Int[Tensor, " b"] | None = None
) -> Float[Tensor, "b M r"]:
    """What each row's mean log-probability would pull at the bottleneck, pooled over its completion, of the deployed model.

    Of a block that computes B A x, a factor on each of its r columns has the gradient Σ_t (Bᵀ g_t) ⊙ (A x_t), where g_t is
    the gradient at the Linear's output. No parameter's gradient is touched; the prompt's part is left out.
    """
    if rows is not None:
        tokens = replace(tokens, row_of=tokens.row_of[rows])
    adapter, rank = policy.adapter, policy.adapter.rank
    pooled = torch.zeros(len(tokens.row_of), len(adapter.linears), rank, device=policy.device)
    if tokens.completions.shape[1] < 2:
        return pooled  # one token follows from the prompt alone
    policy = replace(policy, checkpoints=False)  # the prompts' cache is to be gone on from
    with torch.no_grad():
        prefix = _read_prompts(policy, tokens, RouteMask.keep(len(tokens.row_of), policy.device))
    with torch.enable_grad(), _watching(adapter.linears) as seen:
        states = _read_completions(policy, prefix, tokens.completions[prefix.completions, :-1])
        logprobs = _score(policy, tokens, prefix, states, 1.0, entropy=False, by_row=False)[0]
        counts = tokens.token_mask[prefix.completions].sum(dim=1)
        slopes = torch.autograd.grad((logprobs.sum(dim=1) / counts).sum(), [output for _, output in seen])
    columns = tokens.token_mask[prefix.completions, 1:, None]
    width = columns.shape[1]
    with torch.no_grad():
        for index, (layer, (inputs, _), slope) in enumerate(zip(adapter.layers, seen, slopes, strict=True)):
            weights = layer.weights()
            down, up = weights["a"][:rank], (weights["b0_t"] + weights["delta_b_t"])[:rank]
            product = (slope[:, -width:].to(up) @ up.T) * (inputs[:, -width:].to(down) @ down.T)
            pooled[:, index] = (product * columns).sum(dim=1)[prefix.rows]
    return pooled


@contextmanager
def _watching(linears: Sequence[nn.Linear]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Inputs and outputs, the adapter's part included, of Linears in the forward inside, in their order."""
    seen: list[tuple[Tensor, Tensor]] = [(torch.empty(0), torch.empty(0))] * len(linears)

    def keep(index: int, _module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        seen[index] = args[0].detach(), output

    handles = [linear.register_forward_hook(partial(keep, index)) for index, linear in enumerate(linears)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True, kw_only=True)
class _Prefix:
    """What is still to be read, `n` completions, and what their prompts left behind."""

    completions: Int[Tensor, " n"]
    """Places among the batch's completions; one may stand here once a mask."""
    mask: RouteMask | None
    rows: Int[Tensor, " b"]
    """Each row's place among the n."""
    prompts: PromptTokens
    """Each completion's prompt."""
    read: tuple[DynamicCache, Float[Tensor, "n D"]] | None
    """The cache and the final hidden state of each prompt's last token; None where rows are read whole."""


def _distinct(
    places: Int[Tensor, " n"], mask: RouteMask | None
) -> tuple[Int[Tensor, " m"], RouteMask | None, Int[Tensor, " n"]]:
    """Each place once a mask, and where every one of the n went."""
    if mask is None:
        unique, inverse = torch.unique(places, return_inverse=True)
        return unique, None, inverse
    keys = torch.stack([places, mask.quarantine_on.long(), mask.deployed_frozen.long()], dim=1)
    unique, inverse = torch.unique(keys, dim=0, return_inverse=True)
    masks = RouteMask(quarantine_on=unique[:, 1].bool(), deployed_frozen=unique[:, 2].bool())
    return unique[:, 0], masks, inverse


def _read_prompts(policy: Policy, tokens: TokenBatch, mask: RouteMask | None) -> _Prefix:
    completions, completion_mask, rows = _distinct(tokens.row_of, mask)
    prompts, prompt_mask, place = _distinct(tokens.prompt_of[completions], completion_mask)
    distinct = tokens.prompts.select(prompts)
    read = None
    if not (policy.is_recurrent or _recomputes(policy)):
        output = _decode(
            policy,
            prompt_mask,
            distinct.input_ids,
            distinct.attention_mask,
            distinct.position_ids,
            cache=new_cache(policy.model),
        )
        cache = filled_cache(output)
        select_rows(cache, place)
        read = cache, output.last_hidden_state[:, -1][place]
    return _Prefix(
        completions=completions, mask=completion_mask, rows=rows, prompts=distinct.select(place), read=read
    )


def _decode(
    policy: Policy,
    mask: RouteMask | None,
    ids: Int[Tensor, "n l"],
    seen: Bool[Tensor, "n S"],
    places: Int[Tensor, "n l"],
    *,
    cache: DynamicCache | None,
) -> Any:
    """The decoder's output for `ids`; `seen` is over what the cache holds as well."""
    masked = policy.adapter.disabled() if mask is None else policy.adapter.routing(mask)
    with masked, recomputing(policy.model) if _recomputes(policy) else nullcontext():
        return policy.model.base_model(  # type: ignore[operator]
            input_ids=ids,
            attention_mask=seen.long(),
            position_ids=places,
            past_key_values=cache,
            use_cache=cache is not None,
        )


def _recomputes(policy: Policy) -> bool:
    return policy.checkpoints and torch.is_grad_enabled()


def _read_completions(policy: Policy, prefix: _Prefix, ids: Int[Tensor, "n l"]) -> Float[Tensor, "n m D"]:
    """Final hidden states of each prompt's last token and of the tokens of `ids`; uses the prefix's cache up."""
    prompts, width = prefix.prompts, ids.shape[1]
    places = prompts.position_ids[:, -1:] + 1 + torch.arange(width, device=ids.device)
    seen = torch.cat([prompts.attention_mask, torch.ones_like(ids, dtype=torch.bool)], dim=1)
    if prefix.read is None:
        whole = torch.cat([prompts.input_ids, ids], dim=1)
        places = torch.cat([prompts.position_ids, places], dim=1)
        output = _decode(policy, prefix.mask, whole, seen, places, cache=None)
        states: Tensor = output.last_hidden_state[:, prompts.input_ids.shape[1] - 1 :]
        return states
    cache, last = prefix.read
    if width == 0:
        return last[:, None]
    output = _decode(policy, prefix.mask, ids, seen, places, cache=cache)
    return torch.cat([last[:, None], output.last_hidden_state], dim=1)


def _capture_completions(
    policy: Policy, tokens: TokenBatch, prefix: _Prefix
) -> tuple[Float[Tensor, "n m D"], Float[Tensor, "b M r"]]:
    """States before and behind every token of the completions, and the rows' pooled activations."""
    columns = tokens.token_mask[prefix.completions]
    if prefix.read is None:
        columns = functional.pad(columns, (prefix.prompts.input_ids.shape[1], 0))
    with policy.adapter.capture(columns) as capture:
        states = _read_completions(policy, prefix, tokens.completions[prefix.completions])
    return states, capture.pooled()[prefix.rows]


def _read_and_score(
    policy: Policy, tokens: TokenBatch, mask: RouteMask | None, temperature: float, *, entropy: bool
) -> tuple[Float[Tensor, "b L"], Float[Tensor, "b L"]]:
    """Read the rows but for their last tokens, which predict nothing, and score them."""
    prefix = _read_prompts(policy, tokens, mask)
    states = _read_completions(policy, prefix, tokens.completions[prefix.completions, :-1])
    return _score(policy, tokens, prefix, states, temperature, entropy=entropy)


def _score(
    policy: Policy,
    tokens: TokenBatch,
    prefix: _Prefix,
    states: Float[Tensor, "n L D"],
    temperature: float,
    *,
    entropy: bool,
    by_row: bool = True,
) -> tuple[Float[Tensor, "b L"], Float[Tensor, "b L"]]:
    """Log-probabilities and entropies from the states before each token, of the rows or of the n that were read."""
    values = hidden_logprobs_and_entropy(
        policy.model,
        states,
        tokens.completions[prefix.completions],
        tokens.token_mask[prefix.completions],
        temperature=temperature,
        entropy=entropy,
    )
    return (values[0][prefix.rows], values[1][prefix.rows]) if by_row else values
