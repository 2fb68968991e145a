"""The hack direction v_act from contrast pairs, and its control: directions drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.errors import ConfigError, DataError, ShapeError


@dataclass(frozen=True, kw_only=True)
class Direction:
    """A direction in every module's bottleneck, and how well it tells the pairs apart.

    A score is the sum over modules and coordinates of activation times `vector`. The figures are NaN where
    nothing was measured.
    """

    vector: Float[Tensor, "M r"]
    """fp32 on the CPU; each module's row has length 1, or 0 where the pairs do not differ there."""
    paired_accuracy: float
    """Share of pairs whose hack scores above its own clean text; a tie counts half. Same pairs as the vector."""
    held_out_paired_accuracy: float
    """The same with each pair scored by the direction of the others: free of the fit's optimism."""
    auroc: float
    """Chance that a hack scores above a clean text of any pair."""
    haar_aurocs: tuple[float, ...]
    """The same for random directions. Their sign is luck: look at the spread about .5, not at one draw."""

    @property
    def haar_auroc(self) -> float:
        """Mean over the random directions."""
        return sum(self.haar_aurocs) / len(self.haar_aurocs) if self.haar_aurocs else math.nan


def direction_from_activations(
    hack: Float[Tensor, "N M r"], clean: Float[Tensor, "N M r"], *, haar_draws: int = 16, seed: int = 0
) -> Direction:
    """v_act: per module the mean over pairs of hack minus clean, scaled to length 1.

    Args:
        hack: pooled activations of the texts that exploit the evaluation, row i paired with `clean[i]`.
        clean: of the correct texts.
        haar_draws: random directions to compare with.
        seed: of these draws.

    Raises:
        ShapeError: the two differ in shape or hold no pair.
        DataError: an activation is not finite, or hack and clean are equal everywhere.
    """
    _check(hack, clean)
    differences = _wide(hack) - _wide(clean)
    vector = _unit(differences.mean(dim=0))
    if not bool(vector.any()):
        raise DataError("direction: hack and clean activations have the same mean in every module")
    return measure_direction(vector.float(), hack, clean, haar_draws=haar_draws, seed=seed)


def measure_direction(
    vector: Float[Tensor, "M r"],
    hack: Float[Tensor, "N M r"],
    clean: Float[Tensor, "N M r"],
    *,
    haar_draws: int = 16,
    seed: int = 0,
) -> Direction:
    """`vector` with its figures on the pairs, whatever its origin.

    Raises:
        ShapeError: sizes disagree.
        DataError: an activation is not finite.
    """
    _check(hack, clean)
    if vector.shape != hack.shape[1:]:
        raise ShapeError(f"vector: {list(vector.shape)}, activations are {list(hack.shape)}")
    h, c, v = _wide(hack), _wide(clean), _wide(vector)
    modules, rank = vector.shape
    haar = [_wide(_haar(modules, rank, seed + draw)) for draw in range(haar_draws)]
    return Direction(
        vector=vector.detach().float().cpu(),
        paired_accuracy=_above(_score(h, v), _score(c, v)),
        held_out_paired_accuracy=_held_out(h - c),
        auroc=_auroc(_score(h, v), _score(c, v)),
        haar_aurocs=tuple(_auroc(_score(h, u), _score(c, u)) for u in haar),
    )


def haar_direction(modules: int, rank: int, seed: int) -> Direction:
    """The placebo: in each module a direction uniform on the sphere, the same for the same seed.

    Raises:
        ConfigError: `modules` or `rank` is below 1.
    """
    if modules < 1 or rank < 1:
        raise ConfigError(f"haar direction: modules {modules}, rank {rank}; both must be at least 1")
    return Direction(
        vector=_haar(modules, rank, seed),
        paired_accuracy=math.nan,
        held_out_paired_accuracy=math.nan,
        auroc=math.nan,
        haar_aurocs=(),
    )


def _haar(modules: int, rank: int, seed: int) -> Tensor:
    generator = torch.Generator(device="cpu").manual_seed(seed)
    return _unit(torch.randn(modules, rank, generator=generator, dtype=torch.float64)).float()


def _wide(values: Tensor) -> Tensor:
    return values.detach().to(device="cpu", dtype=torch.float64)


def _unit(vectors: Tensor) -> Tensor:
    """Rows scaled to length 1; a zero row stays zero."""
    lengths = vectors.norm(dim=-1, keepdim=True)
    return torch.where(lengths > 0, vectors / lengths, torch.zeros_like(vectors))


def _score(activations: Tensor, vector: Tensor) -> Tensor:
    return activations.flatten(1) @ vector.flatten()


def _above(higher: Tensor, lower: Tensor) -> float:
    """Share of positions at which `higher` is above `lower`, ties half."""
    wins = (higher > lower).double() + 0.5 * (higher == lower).double()
    return float(wins.mean())


def _auroc(positive: Tensor, negative: Tensor) -> float:
    return _above(positive[:, None], negative[None, :])


def _held_out(differences: Tensor) -> float:
    """Paired accuracy with pair i scored by the direction of all other pairs."""
    if differences.shape[0] < 2:
        return math.nan
    others = _unit(differences.sum(dim=0) - differences)
    margins = (differences * others).flatten(1).sum(dim=1)
    return _above(margins, torch.zeros_like(margins))


def _check(hack: Tensor, clean: Tensor) -> None:
    if hack.shape != clean.shape or hack.dim() != 3 or hack.shape[0] < 1:
        raise ShapeError(
            f"direction: hack {list(hack.shape)}, clean {list(clean.shape)}; expected equal [N, M, r], N >= 1"
        )
    for name, values in (("hack", hack), ("clean", clean)):
        bad = (~torch.isfinite(values)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        if bad:
            raise DataError(f"direction: {name} activations of pairs {bad} are not finite")
