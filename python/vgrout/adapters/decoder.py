"""One forward of a Hugging Face decoder over padded rows, without its head."""

from __future__ import annotations

from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from vgrout.errors import ShapeError


def decoder_hidden(
    model: Any,
    input_ids: Int[Tensor, "B S"],
    attention_mask: Int[Tensor, "B S"] | Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B S D"]:
    """Final hidden states, with positions that count real tokens, so padding on either side changes nothing.

    Without a mask every row begins in the first column: what is padding behind it is not looked at by any real
    token, and attention needs no mask of its own.

    Raises:
        ShapeError: the mask is not the tokens' shape.
    """
    if attention_mask is None:
        return _hidden(model.base_model(input_ids=input_ids, use_cache=False))
    if input_ids.dim() != 2 or attention_mask.shape != input_ids.shape:
        raise ShapeError(
            f"input_ids {list(input_ids.shape)}, attention_mask {list(attention_mask.shape)}: expected equal [B, S]"
        )
    mask = attention_mask.long()
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    output = model.base_model(
        input_ids=input_ids, attention_mask=mask, position_ids=positions, use_cache=False
    )
    return _hidden(output)


def _hidden(output: Any) -> Tensor:
    hidden: Tensor = output.last_hidden_state
    return hidden
