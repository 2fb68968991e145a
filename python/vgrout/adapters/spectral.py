"""Initial copies A0, B0 that are directions of the base's weights instead of Gaussian draws.

The differences ΔA, ΔB start at 0 as ever and the base keeps its weights, so that outputs are unchanged; what changes is where
the blocks can move first. Singular directions go to the blocks in turn, so that both begin with the same spectrum.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.errors import ConfigError

Inits = tuple[Float[Tensor, "two_r d_in"], Float[Tensor, "two_r d_out"]]
"""A0 and B0ᵀ; rows `[:r]` are the deployed block's."""


def pissa_inits(name: str, weight: Float[Tensor, "d_out d_in"], rank: int) -> Inits:
    """The weight's 2r principal directions: W ≈ B0 A0, each factor with the root of the singular values.

    PiSSA, Meng et al., arXiv:2404.02948, section 3.

    Raises:
        ConfigError: the weight has fewer than 2r singular values; names the Linear.
    """
    left, values, right = _leading(name, weight.detach().double().cpu(), rank)
    roots = values.sqrt()[:, None]
    return _in_turn(roots * right), _in_turn(roots * left.T)


def corda_inits(
    name: str,
    weight: Float[Tensor, "d_out d_in"],
    covariance: Float[Tensor, "d_in d_in"],
    rank: int,
    *,
    damping: float = 1e-2,
) -> Inits:
    """The 2r principal directions of W C, C being what the Linear's inputs look like: W ≈ B0 A0 on those inputs.

    CorDA, Yang et al., arXiv:2406.05223, section 3.3, its instruction-previewed mode. C is damped by a share of its mean
    variance, so that it has an inverse.

    Raises:
        ConfigError: as for `pissa_inits`.
    """
    wide = weight.detach().double().cpu()
    seen = covariance.double().cpu()
    seen = seen + damping * seen.diagonal().mean() * torch.eye(len(seen), dtype=torch.float64)
    left, values, right = _leading(name, wide @ seen, rank)
    roots = values.sqrt()[:, None]
    return _in_turn(torch.linalg.solve(seen, (roots * right).T).T), _in_turn(roots * left.T)


def _leading(name: str, matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The 2r largest singular values and their vectors, signs fixed by each right vector's largest part."""
    count = 2 * rank
    if count > min(matrix.shape):
        raise ConfigError(
            f"adapter.init: {name} is {list(matrix.shape)} and has {min(matrix.shape)} singular values, "
            f"fewer than 2r = {count}\nhint: lower `--adapter.rank`, or take `--adapter.init gaussian`"
        )
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    left, values, right = left[:, :count], values[:count], right[:count]
    signs = right.gather(1, right.abs().argmax(dim=1, keepdim=True)).sign()
    return left * signs.T, values, right * signs


def _in_turn(rows: Tensor) -> Tensor:
    """Rows 0, 2, 4 … for the deployed block, 1, 3, 5 … for the quarantine."""
    return torch.cat([rows[0::2], rows[1::2]]).float()
