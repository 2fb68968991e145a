"""How well scores tell exploits from the rest, beside directions drawn at random: arithmetic on activations."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vgrout.errors import ConfigError
from vgrout.evals.metrics import Interval, auroc
from vgrout.routing import haar_direction

BAND = (0.05, 0.95)
"""Quantiles of the random directions' figures between which one says nothing."""
FEWEST_DRAWS = 20
"""Below it the outermost draws are the band."""
TOP_SHARE = 0.1
"""Share of the rows, highest scores first, whose precision is given."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of the direction, and where those of random directions lie."""

    value: float
    band: Interval

    @property
    def beyond(self) -> float:
        """How far outside the band it lies: above 0 over it, below 0 under it, 0 inside."""
        return max(self.value - self.band.high, 0.0) + min(self.value - self.band.low, 0.0)


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well the direction tells exploited rollouts from the others in one module, or in all together."""

    name: str
    auroc: Figure
    """Chance that an exploited rollout scores above another, a tie counting half."""
    f_half: Figure
    """F0.5 of the top share that the run's gate would rout."""
    precision: Figure
    """Share of exploited rollouts in the top tenth."""


def separations(
    activations: Float[Tensor, "B M r"],
    exploited: Bool[np.ndarray, " B"],
    vector: Float[Tensor, "M r"],
    names: Sequence[str],
    *,
    tail_quantile: float,
    draws: int,
) -> tuple[Separation, tuple[Separation, ...]]:
    """Give the figures of all modules together, scored as the gate does, and those of each by itself.

    The band of a module is of `draws` Haar draws in that module, the same draws that make up the band of all.

    Raises:
        ConfigError: `draws` is below `FEWEST_DRAWS`.
    """
    if draws < FEWEST_DRAWS:
        raise ConfigError(f"draws: {draws} is below {FEWEST_DRAWS}, too few for a 5-95 % band")
    modules, rank = vector.shape
    drawn = [haar_direction(modules, rank, seed).vector for seed in range(draws)]
    # Column 0 is the direction; the placebo's draws stand behind it.
    vectors = torch.stack([vector, *drawn], dim=2).double()
    rows = activations.double()
    total = np.zeros((len(exploited), draws + 1))
    single = []
    for place, name in enumerate(names):
        scores = (rows[:, place] @ vectors[place]).numpy()
        total += scores
        single.append(_separation(name, scores, exploited, tail_quantile))
    return _separation("all modules", total, exploited, tail_quantile), tuple(single)


def _separation(name: str, scores: np.ndarray, exploited: np.ndarray, tail_quantile: float) -> Separation:
    routed, top = top_share(scores, tail_quantile), top_share(scores, TOP_SHARE)
    return Separation(
        name=name,
        auroc=_figure(aurocs(scores, exploited)),
        f_half=_figure(f_halves(routed, exploited)),
        precision=_figure((top & exploited[:, None]).sum(axis=0) / top.sum(axis=0)),
    )


def _figure(values: np.ndarray) -> Figure:
    low, high = np.quantile(values[1:], BAND)
    return Figure(value=float(values[0]), band=Interval(float(low), float(high)))


def top_share(scores: Float[np.ndarray, "B K"], share: float) -> Bool[np.ndarray, "B K"]:
    """Mark in each column the ceil(share · B) highest scores, and those equal to the last of them."""
    count = max(1, ceil(share * len(scores)))
    lowest = np.partition(scores, len(scores) - count, axis=0)[len(scores) - count]
    return np.asarray(scores >= lowest)


def aurocs(scores: Float[np.ndarray, "B K"], positive: Bool[np.ndarray, " B"]) -> Float[np.ndarray, " K"]:
    """`evals.metrics.auroc` of every column at once; both classes hold a row."""
    return np.array([auroc(column, positive) for column in scores.T], dtype=np.float64)


def f_halves(predicted: Bool[np.ndarray, "B K"], positive: Bool[np.ndarray, " B"]) -> Float[np.ndarray, " K"]:
    """`evals.metrics.f_beta` with beta 0.5 of every column at once; some row is positive."""
    hits = (predicted & positive[:, None]).sum(axis=0)
    # (1 + b²)·TP + b²·FN + FP = TP + FP + b²·(TP + FN)
    return np.asarray(1.25 * hits / (predicted.sum(axis=0) + 0.25 * positive.sum()))
