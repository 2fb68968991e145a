"""Log-probabilities of given tokens from hidden states, without `[B, L, V]` logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vgrout.adapters.decoder import decoder_hidden
from vgrout.errors import ConfigError, ShapeError

CHUNK_TOKENS = 1024
CHUNK_VOCAB = 16384
_IMPOSSIBLE = -1e30
"""Logit of a token that the head's bias rules out: -inf would make NaN of 0 · -inf."""
_SCALES = {"logit_scale": 1, "lm_head_multiplier": 1, "output_multiplier": 1, "logits_scaling": -1}
"""Settings of a model that its logits are multiplied by, to the power given."""
_CAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")
"""Settings c of a model whose logits become c · tanh(logit / c)."""


def token_logprobs(
    hidden: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    *,
    temperature: float = 1.0,
    bias: Float[Tensor, " V"] | None = None,
    chunk_tokens: int = CHUNK_TOKENS,
    chunk_vocab: int = CHUNK_VOCAB,
) -> Float[Tensor, " N"]:
    """Token log-probs log softmax((W h + c) / T)[target], with gradients to `hidden` only where the head is frozen.

    The head runs in tiles of `chunk_tokens` by `chunk_vocab` with an online log-sum-exp, and again in backward,
    so peak memory is one tile. Sums are in fp32 (fp64 for fp64 input). As behaviour log-probs, `temperature` must
    be the sampler's.

    Raises:
        ShapeError: sizes disagree.
        ConfigError: temperature or a chunk size is not positive.
    """
    chunks = (chunk_tokens, chunk_vocab)
    return _score(
        hidden, weight, targets, bias=bias, shape=_Shape(temperature), chunks=chunks, entropy=False
    )[0]


def token_logprobs_and_entropy(
    hidden: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    *,
    temperature: float = 1.0,
    bias: Float[Tensor, " V"] | None = None,
    chunk_tokens: int = CHUNK_TOKENS,
    chunk_vocab: int = CHUNK_VOCAB,
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """As `token_logprobs`, with the entropy (nats) of each position's distribution, which carries no gradient."""
    chunks = (chunk_tokens, chunk_vocab)
    return _score(hidden, weight, targets, bias=bias, shape=_Shape(temperature), chunks=chunks, entropy=True)


def completion_logprobs(
    model: nn.Module,
    input_ids: Int[Tensor, "B S"],
    attention_mask: Int[Tensor, "B S"] | Bool[Tensor, "B S"] | None,
    completion_mask: Bool[Tensor, "B C"],
    *,
    temperature: float = 1.0,
    chunk_tokens: int = CHUNK_TOKENS,
    chunk_vocab: int = CHUNK_VOCAB,
) -> Float[Tensor, "B L"]:
    """Log-probabilities of each row's completion, from column 0 on; 0 behind its end.

    One decoder forward of a Hugging Face causal model; the head sees only the tokens that count. `completion_mask`
    is over the whole rows, or over their last L columns. Prompts may be padded on the left, completions on the
    right: positions count real tokens. Without `attention_mask` every row begins in the first column.

    Raises:
        ShapeError: the row has no prompt token before the completion, or sizes disagree.
        ConfigError: the model's output head is no Linear.
    """
    chunks = (chunk_tokens, chunk_vocab)
    masks = (attention_mask, completion_mask)
    return _complete(model, input_ids, *masks, temperature=temperature, chunks=chunks, entropy=False)[0]


def completion_logprobs_and_entropy(
    model: nn.Module,
    input_ids: Int[Tensor, "B S"],
    attention_mask: Int[Tensor, "B S"] | Bool[Tensor, "B S"] | None,
    completion_mask: Bool[Tensor, "B C"],
    *,
    temperature: float = 1.0,
    chunk_tokens: int = CHUNK_TOKENS,
    chunk_vocab: int = CHUNK_VOCAB,
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    """As `completion_logprobs`, with entropies (nats, no gradient)."""
    chunks = (chunk_tokens, chunk_vocab)
    masks = (attention_mask, completion_mask)
    return _complete(model, input_ids, *masks, temperature=temperature, chunks=chunks, entropy=True)


def hidden_logprobs_and_entropy(
    model: nn.Module,
    hidden: Float[Tensor, "B L D"],
    targets: Int[Tensor, "B L"],
    mask: Bool[Tensor, "B L"],
    *,
    temperature: float = 1.0,
    entropy: bool = True,
    chunk_tokens: int = CHUNK_TOKENS,
    chunk_vocab: int = CHUNK_VOCAB,
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    """As `completion_logprobs_and_entropy`, from the decoder's states before each target; 0 where `mask` is off.

    Without `entropy` zeros stand in its place and nothing is computed for it.

    Raises:
        ConfigError: as there.
    """
    chunks = (chunk_tokens, chunk_vocab)
    return _score_at(
        mask, model, hidden[mask], targets[mask], temperature=temperature, chunks=chunks, entropy=entropy
    )


def _complete(
    model: nn.Module,
    input_ids: Tensor,
    attention_mask: Tensor | None,
    completion_mask: Tensor,
    *,
    temperature: float,
    chunks: tuple[int, int],
    entropy: bool,
) -> tuple[Tensor, Tensor]:
    rows, length = completion_mask.shape
    masked = input_ids.shape if attention_mask is None else attention_mask.shape
    if input_ids.shape[0] != rows or input_ids.shape[1] < length or masked != input_ids.shape:
        raise ShapeError(
            f"input_ids {list(input_ids.shape)}, attention_mask {list(masked)}, completion_mask "
            f"{list(completion_mask.shape)}: expected [B, S], [B, S], [B, S] or [B, L] with L < S"
        )
    columns, place = functional.pad(completion_mask, (input_ids.shape[1] - length, 0)), completion_mask
    if length == input_ids.shape[1]:
        counts = columns.sum(1)
        place = torch.arange(int(counts.max()), device=counts.device) < counts[:, None]
    if bool(columns[:, 0].any()):
        raise ShapeError("completion_mask: is on in the first column, where no prompt token stands before it")
    hidden = decoder_hidden(model, input_ids, attention_mask)[:, :-1][columns[:, 1:]]
    targets = input_ids[:, 1:][columns[:, 1:]]
    return _score_at(place, model, hidden, targets, temperature=temperature, chunks=chunks, entropy=entropy)


def _score_at(
    place: Tensor,
    model: nn.Module,
    hidden: Tensor,
    targets: Tensor,
    *,
    temperature: float,
    chunks: tuple[int, int],
    entropy: bool,
) -> tuple[Tensor, Tensor]:
    """`_score` by the model's head, the values where `place` is on and 0 elsewhere."""
    head, shape = _head(model, temperature)
    values = _score(hidden, head.weight, targets, bias=head.bias, shape=shape, chunks=chunks, entropy=entropy)
    scattered = [value.new_zeros(place.shape).masked_scatter(place, value) for value in values]
    return scattered[0], scattered[1]


class _Shape(NamedTuple):
    """What the head's output z becomes: z / `temperature`, then `limit` · tanh(z / `limit`) where there is a limit."""

    temperature: float
    limit: float | None = None


def _head(model: Any, temperature: float) -> tuple[nn.Linear, _Shape]:
    """The model's head, and what its settings and the temperature make of the logits."""
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise ConfigError(
            f"{type(model).__name__}: the output head is {type(head).__name__}, expected a Linear"
        )
    config = model.config.get_text_config()
    scaled = temperature
    for name, power in _SCALES.items():
        scaled /= (getattr(config, name, None) or 1.0) ** power
    cap = next((value for name in _CAPS if (value := getattr(config, name, None))), None)
    return head, _Shape(scaled, None if cap is None else cap / temperature)


def _score(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    bias: Tensor | None,
    shape: _Shape,
    chunks: tuple[int, int],
    entropy: bool,
) -> tuple[Tensor, Tensor]:
    if not shape.temperature > 0.0 or min(chunks) < 1:
        raise ConfigError(f"temperature {shape.temperature} and chunks {chunks} must be positive")
    if hidden.shape[1:] != weight.shape[1:] or targets.shape != hidden.shape[:1]:
        raise ShapeError(
            f"hidden {list(hidden.shape)}, weight {list(weight.shape)}, targets {list(targets.shape)}: "
            "expected [N, D], [V, D], [N]"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"bias {list(bias.shape)}, expected [{weight.shape[0]}]")
    if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < weight.shape[0]:
        raise ShapeError(
            f"targets reach from {int(targets.min())} to {int(targets.max())}, V is {weight.shape[0]}"
        )
    arguments = (hidden, weight, targets.long(), bias, shape, chunks, entropy)
    result: tuple[Tensor, Tensor] = _ChunkedHead.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


class _ChunkedHead(torch.autograd.Function):
    """Log-prob and entropy per token; with z = shape(W h + c), d logp / dz = onehot - softmax(z).

    Back through the shape, dz / d(W h + c) is 1/T, and of a limited z also 1 - (z / limit)².
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        bias: Tensor | None,
        shape: _Shape,
        chunks: tuple[int, int],
        with_entropy: bool,  # noqa: FBT001
    ) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        count = hidden.shape[0]
        picked, lse, entropy = (torch.zeros(count, dtype=wide, device=hidden.device) for _ in range(3))
        for rows in _slices(count, chunks[0]):
            h, t = hidden[rows], targets[rows]
            peak = torch.full_like(lse[rows], -torch.inf)
            total, first = torch.zeros_like(peak), torch.zeros_like(peak)
            for columns in _slices(weight.shape[0], chunks[1]):
                z = _tile(h, weight, bias, columns, shape)
                picked[rows] += _gather(z, t, columns)
                higher = torch.maximum(peak, z.amax(dim=1))
                decay = (peak - higher).exp()
                z = z.sub_(higher[:, None])
                mass = z.exp() if with_entropy else z.exp_()
                if with_entropy:
                    # Σ e^(z - m)(z - m): a new m moves it by the mass seen so far.
                    moved = torch.where(total > 0, decay * (first + (peak - higher) * total), first)
                    first = moved + z.mul_(mass).sum(dim=1)
                total = decay * total + mass.sum(dim=1)
                peak = higher
            lse[rows] = peak + total.log()
            if with_entropy:
                entropy[rows] = total.log() - first / total
        ctx.save_for_backward(hidden, weight, targets, bias, lse)
        ctx.shape, ctx.chunks = shape, chunks
        ctx.mark_non_differentiable(entropy)
        return picked - lse, entropy

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden, weight, targets, bias, lse = ctx.saved_tensors
        need_hidden, need_weight, _t, need_bias = ctx.needs_input_grad[:4]
        grad_hidden = torch.zeros_like(hidden, dtype=lse.dtype) if need_hidden else None
        grad_weight = torch.zeros_like(weight, dtype=lse.dtype) if need_weight else None
        grad_bias = torch.zeros_like(bias, dtype=lse.dtype) if need_bias else None
        for rows in _slices(hidden.shape[0], ctx.chunks[0]):
            h, t, scale = hidden[rows], targets[rows], (grad[rows] / ctx.shape.temperature)[:, None]
            for columns in _slices(weight.shape[0], ctx.chunks[1]):
                z = _tile(h, weight, bias, columns, ctx.shape)
                slope = None if ctx.shape.limit is None else 1 - (z / ctx.shape.limit).square()
                dz = z.sub_(lse[rows, None]).exp_().mul_(-scale)
                _add_at_targets(dz, t, columns, scale)
                if slope is not None:
                    dz.mul_(slope)
                low = dz.to(weight.dtype)
                if grad_hidden is not None:
                    grad_hidden[rows] += low @ weight[columns]
                if grad_weight is not None:
                    grad_weight[columns] += low.T @ h.to(low.dtype)
                if grad_bias is not None:
                    grad_bias[columns] += dz.sum(dim=0)
        pairs = ((grad_hidden, hidden), (grad_weight, weight), (grad_bias, bias))
        grads = [None if value is None else value.to(like.dtype) for value, like in pairs]
        return grads[0], grads[1], None, grads[2], None, None, None


def _slices(size: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def _tile(h: Tensor, weight: Tensor, bias: Tensor | None, columns: slice, shape: _Shape) -> Tensor:
    """One tile of shaped logits in the wide dtype, freshly allocated."""
    wide = torch.promote_types(h.dtype, torch.float32)
    z = functional.linear(h.to(weight.dtype), weight[columns], None if bias is None else bias[columns])
    z = z.to(wide).div_(shape.temperature)
    if bias is not None:
        z = z.clamp_(min=_IMPOSSIBLE)
    return z if shape.limit is None else z.div_(shape.limit).tanh_().mul_(shape.limit)


def _gather(z: Tensor, targets: Tensor, columns: slice) -> Tensor:
    """The target's logit where it lies in this tile, 0 elsewhere."""
    local = targets - columns.start
    inside = (local >= 0) & (local < z.shape[1])
    value = z.gather(1, local.clamp(0, z.shape[1] - 1)[:, None])[:, 0]
    return torch.where(inside, value, torch.zeros_like(value))


def _add_at_targets(dz: Tensor, targets: Tensor, columns: slice, scale: Tensor) -> None:
    local = targets - columns.start
    inside = (local >= 0) & (local < dz.shape[1])
    dz.scatter_add_(1, local.clamp(0, dz.shape[1] - 1)[:, None], scale * inside[:, None])
