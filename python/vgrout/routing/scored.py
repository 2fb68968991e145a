"""What the gate may see of a rollout, and the activations of the contrast pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vgrout.adapters.decoder import decoder_hidden
from vgrout.adapters.lora2r import Lora2r


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The no-grad forward of a batch: all that a label-free gate is given. It holds no label and no reward."""

    pooled: Float[Tensor, "B M r"]
    """A[:r]·x, mean over completion tokens, quarantine ablated; [B, 0, 0] for a gate that needs no direction."""


def pooled_activations(
    model: nn.Module,
    adapter: Lora2r,
    input_ids: Int[Tensor, "B S"],
    completion_mask: Bool[Tensor, "B S"],
    attention_mask: Int[Tensor, "B S"] | Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B M r"]:
    """Pooled bottleneck activations of given texts under the deployed model, without gradient.

    `completion_mask` is over the whole row, on at completion tokens only.
    """
    with torch.no_grad(), adapter.ablated(), adapter.capture(completion_mask) as capture:
        decoder_hidden(model, input_ids, attention_mask)
    return capture.pooled()
