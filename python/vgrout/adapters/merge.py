"""The adapter inside its Linears' own weights for a while: a decoder then pays nothing for it."""

import contextlib
from collections.abc import Iterator

import torch

from vgrout.adapters.fingerprint import is_sharded
from vgrout.adapters.fused import BlockLinear
from vgrout.adapters.lora2r import Lora2r


def can_merge(adapter: Lora2r) -> bool:
    """Whether merging changes no more than rounding: in half precision small differences would be lost.

    Weights that lie on several ranks are not merged with either.
    """
    exact = (torch.float32, torch.float64)
    return not is_sharded(adapter.linears) and all(linear.weight.dtype in exact for linear in adapter.linears)


@contextlib.contextmanager
def merged(adapter: Lora2r, *, quarantine: float) -> Iterator[None]:
    """Run the model with ΔW added to each target's weight and the adapter's own forward off, in every row.

    The weights are put back bit for bit at the end. Nothing may need a gradient inside.

    Args:
        adapter: attached to a model for which `can_merge` holds.
        quarantine: factor of the quarantine's learned contribution: 0 is the deployed model, 1 the full one.
    """
    weights = [linear.weight for linear in adapter.linears]
    originals = [weight.detach().clone() for weight in weights]
    adapter.sync()
    try:
        with torch.no_grad():
            for weight, block in zip(weights, adapter.layers, strict=True):
                weight.add_(_delta(block, quarantine))
        with adapter.disabled():
            yield
    finally:
        with torch.no_grad():
            for weight, original in zip(weights, originals, strict=True):
                weight.copy_(original)


def _delta(block: BlockLinear, quarantine: float) -> torch.Tensor:
    """ΔW `[d_out, d_in]` of one Linear: `DeltaLora`'s y without x."""
    two_r = 2 * block.rank
    columns = block.down.new_ones(two_r, 1)
    columns[block.rank :] = quarantine
    delta_a = block.down[two_r:]
    a = block.down[:two_r] + delta_a
    return block.up_t.T @ torch.cat([a * columns, delta_a * columns])
