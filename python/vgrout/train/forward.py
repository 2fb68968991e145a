"""Forwards over a step's rows that read each prompt once for all the completions that follow it.

The prompt's keys and values are kept with their graph and shared by its completions, so gradients through the prompt
are those of reading it again in every row. Rows that are equal to the last token are read once as well; both only
where the rows' masks are equal, too.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import DynamicCache

from vgrout.adapters import RouteMask
from vgrout.grpo import hidden_logprobs_and_entropy
from vgrout.policy.policy import Policy
from vgrout.policy.tokens import TokenBatch


def row_logprobs(
    policy: Policy, tokens: TokenBatch, mask: RouteMask | None, *, temperature: float
) -> Float[Tensor, "b l"]:
    """Log-probabilities of the completions, 0 behind their ends; see `row_logprobs_and_entropy`."""
    prefix, hidden = _read(policy, tokens, mask)
    return _score(policy, tokens, prefix, hidden, temperature, entropy=False)[0]


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
    prefix, hidden = _read(policy, tokens, mask)
    return _score(policy, tokens, prefix, hidden, temperature, entropy=True)


@torch.no_grad()
def row_logprobs_and_activations(
    policy: Policy, tokens: TokenBatch, mask: RouteMask, *, temperature: float
) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b M r"]]:
    """Log-probabilities of the completions and the activations A[:r]·x pooled over them, in one forward."""
    prefix = _read_prompts(policy, tokens, mask)
    hidden, pooled = _capture_completions(policy, tokens, prefix)
    return _score(policy, tokens, prefix, hidden[:, :-1], temperature, entropy=False)[0], pooled


@torch.no_grad()
def row_activations(
    policy: Policy, tokens: TokenBatch, rows: Int[Tensor, "b"] | None = None
) -> Float[Tensor, "b M r"]:
    """Activations A[:r]·x pooled over each completion under the deployed model, of all rows or of some."""
    if rows is not None:
        tokens = replace(tokens, row_of=tokens.row_of[rows])
    prefix = _read_prompts(policy, tokens, RouteMask.keep(len(tokens.row_of), policy.device))
    return _capture_completions(policy, tokens, prefix)[1]


@dataclass(frozen=True, kw_only=True)
class _Prefix:
    """What is still to be read, `n` completions, and what their prompts left behind."""

    completions: Int[Tensor, "n"]
    """Places among the batch's completions; one may stand here once a mask."""
    mask: RouteMask | None
    rows: Int[Tensor, "b"]
    """Each row's place among the n."""
    cache: DynamicCache
    attention_mask: Bool[Tensor, "n T"]
    lengths: Int[Tensor, "n"]
    last: Float[Tensor, "n D"]
    """Final hidden state of each prompt's last token."""


def _masked(policy: Policy, mask: RouteMask | None) -> AbstractContextManager[None]:
    return policy.adapter.disabled() if mask is None else policy.adapter.routing(mask)


def _distinct(
    places: Int[Tensor, "n"], mask: RouteMask | None
) -> tuple[Int[Tensor, "m"], RouteMask | None, Int[Tensor, "n"]]:
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
    attention_mask = tokens.prompts.attention_mask[prompts]
    with _masked(policy, prompt_mask):
        output = policy.model.base_model(  # type: ignore[operator]
            input_ids=tokens.prompts.input_ids[prompts],
            attention_mask=attention_mask.long(),
            position_ids=tokens.prompts.position_ids[prompts],
            past_key_values=DynamicCache(config=policy.model.config),
            use_cache=True,
        )
    output.past_key_values.batch_select_indices(place)
    return _Prefix(
        completions=completions,
        mask=completion_mask,
        rows=rows,
        cache=output.past_key_values,
        attention_mask=attention_mask[place],
        lengths=attention_mask.sum(1)[place],
        last=output.last_hidden_state[:, -1][place],
    )


def _read(
    policy: Policy, tokens: TokenBatch, mask: RouteMask | None
) -> tuple[_Prefix, Float[Tensor, "n l D"]]:
    """The prompts, and the completions but for their last token, which predicts nothing."""
    prefix = _read_prompts(policy, tokens, mask)
    return prefix, _read_completions(policy, prefix, tokens.completions[prefix.completions, :-1])


def _read_completions(policy: Policy, prefix: _Prefix, ids: Int[Tensor, "n l"]) -> Float[Tensor, "n l D"]:
    """Final hidden states of the completions' tokens; uses the prefix's cache up."""
    width = ids.shape[1]
    if width == 0:
        return prefix.last.new_zeros(*ids.shape, prefix.last.shape[-1])
    seen = torch.ones_like(ids, dtype=torch.bool)
    with _masked(policy, prefix.mask):
        output = policy.model.base_model(  # type: ignore[operator]
            input_ids=ids,
            attention_mask=torch.cat([prefix.attention_mask, seen], dim=1).long(),
            position_ids=prefix.lengths[:, None] + torch.arange(width, device=ids.device),
            past_key_values=prefix.cache,
            use_cache=True,
        )
    hidden: Tensor = output.last_hidden_state
    return hidden


def _capture_completions(
    policy: Policy, tokens: TokenBatch, prefix: _Prefix
) -> tuple[Float[Tensor, "n L D"], Float[Tensor, "b M r"]]:
    """Hidden states of the whole completions, and the rows' pooled activations."""
    with policy.adapter.capture(tokens.token_mask[prefix.completions]) as capture:
        hidden = _read_completions(policy, prefix, tokens.completions[prefix.completions])
    return hidden, capture.pooled()[prefix.rows]


def _score(
    policy: Policy,
    tokens: TokenBatch,
    prefix: _Prefix,
    hidden: Float[Tensor, "n l D"],
    temperature: float,
    *,
    entropy: bool,
) -> tuple[Float[Tensor, "b L"], Float[Tensor, "b L"]]:
    """The rows' log-probabilities and entropies from the states before each token."""
    before = torch.cat([prefix.last[:, None], hidden], dim=1)
    values = hidden_logprobs_and_entropy(
        policy.model,
        before,
        tokens.completions[prefix.completions],
        tokens.token_mask[prefix.completions],
        temperature=temperature,
        entropy=entropy,
    )
    return values[0][prefix.rows], values[1][prefix.rows]
