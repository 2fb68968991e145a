"""Pooled bottleneck activations, read off a forward that runs anyway."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vgrout.errors import DataError, ShapeError


class Capture:
    """Means of A[:r]·x over each row's completion tokens, one forward, no second GEMM.

    Made by `Lora2r.capture`. The activation does not depend on the module's own masks, but it does depend on
    the masks of the modules before it: run the forward under `ablated()` for the gate's score.

    Raises:
        ShapeError: the mask is no bool matrix, or does not fit `segment_ids`.
        DataError: a row has no completion token, so its mean does not exist.
    """

    def __init__(
        self,
        module_names: tuple[str, ...],
        completion_mask: Bool[Tensor, "b s"],
        segment_ids: Int[Tensor, "b s"] | None,
    ) -> None:
        self._names = module_names
        self._shape = tuple(completion_mask.shape)
        self._weights = _mean_weights(completion_mask, segment_ids)
        self._packed = segment_ids is not None
        self._pooled: list[Tensor | None] = [None] * len(module_names)

    def record(self, index: int, activation: Float[Tensor, "b s r"]) -> None:
        """Pool module `index`'s deployed activations.

        Raises:
            ShapeError: the activations are not `[b, s, r]` as the mask is, or the module has already run.
        """
        if tuple(activation.shape[:-1]) != self._shape:
            raise ShapeError(
                f"capture: {self._names[index]} ran on {list(activation.shape[:-1])}, "
                f"the completion mask is {list(self._shape)}"
            )
        if self._pooled[index] is not None:
            raise ShapeError(
                f"capture: {self._names[index]} ran twice; a capture covers exactly one forward (use_cache=False, no generate)"
            )
        values = activation.detach().to(torch.float32)
        weights = self._weights.to(values.device)
        if self._packed:
            self._pooled[index] = weights @ values.flatten(0, 1)
        else:
            self._pooled[index] = torch.bmm(weights.unsqueeze(1), values).squeeze(1)

    def pooled(self) -> Float[Tensor, "B M r"]:
        """Pooled activations of every adapted module, in the order of `Lora2r.module_names`, in fp32.

        Raises:
            ShapeError: a module has not run: there was no forward, or it was `disabled()`.
        """
        values = [value for value in self._pooled if value is not None]
        if len(values) < len(self._pooled):
            missing = [name for name, value in zip(self._names, self._pooled, strict=True) if value is None]
            raise ShapeError(
                f"capture: {len(missing)} of {len(self._names)} modules did not run, first {missing[0]}"
            )
        return torch.stack([value.to(values[0].device) for value in values], dim=1)


def _mean_weights(mask: Tensor, segment_ids: Tensor | None) -> Tensor:
    """Weights whose product with the activations is the mean: `[B, S]`, or `[B, b·s]` for packed input."""
    if mask.dim() != 2 or mask.dtype != torch.bool:
        raise ShapeError(f"capture: completion_mask is {mask.dtype} {list(mask.shape)}, expected bool [B, S]")
    if segment_ids is None:
        members = mask.to(torch.float32)
    else:
        if segment_ids.shape != mask.shape:
            raise ShapeError(
                f"capture: segment_ids {list(segment_ids.shape)} beside a mask {list(mask.shape)}"
            )
        rows = torch.arange(int(segment_ids.max()) + 1, device=mask.device)
        members = ((segment_ids.flatten() == rows[:, None]) & mask.flatten()).to(torch.float32)
    counts = members.sum(dim=1, keepdim=True)
    if bool((counts == 0).any()):
        empty = (counts[:, 0] == 0).nonzero().flatten().tolist()
        raise DataError(f"capture: rows {empty} have no completion token to average over")
    return members / counts
