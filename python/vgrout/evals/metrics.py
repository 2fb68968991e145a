"""Statistics of counts and scores: intervals, AUROC, F-beta, bootstrap. Pure NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from vgrout.errors import ConfigError, DataError, ShapeError


@dataclass(frozen=True)
class Interval:
    """Bounds of a confidence interval."""

    low: float
    high: float


def wilson_interval(successes: int, total: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (E. B. Wilson, JASA 22, 1927), without continuity correction.

    (p + z²/2n ± z·√(p(1 - p)/n + z²/4n²)) / (1 + z²/n), p = successes / total; (0, 1) where total is 0.

    Raises:
        DataError: successes is outside [0, total].
        ConfigError: confidence is outside (0, 1).
    """
    if not 0 <= successes <= total:
        raise DataError(f"successes: {successes} is outside [0, {total}]")
    z = _normal_quantile(confidence)
    if total == 0:
        return Interval(0.0, 1.0)
    share = successes / total
    centre = share + z * z / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # At 0 and at all successes a bound is exact; rounding would leave it a few ulps off.
    low = 0.0 if successes == 0 else float(max(0.0, (centre - half) / scale))
    high = 1.0 if successes == total else float(min(1.0, (centre + half) / scale))
    return Interval(low, high)


def auroc(scores: Float[np.ndarray, "N"], positive: Bool[np.ndarray, "N"]) -> float | None:
    """Probability that a positive scores above a negative, a tie counting half; None when one class is empty.

    Mann-Whitney: (sum of the positives' mid-ranks - n₊(n₊ + 1)/2) / (n₊·n₋).

    Raises:
        ShapeError: the arrays are not one-dimensional and equally long.
        DataError: a score is not finite.
    """
    values, labels = _paired("scores", np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool))
    if not np.isfinite(values).all():
        raise DataError(f"scores[{int(np.flatnonzero(~np.isfinite(values))[0])}]: not finite")
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    # Twice the mid-rank is a whole number, so equal inputs give equal bits.
    twice_rank = (2 * last - counts + 1)[place]
    twice_above = int(twice_rank[labels].sum()) - positives * (positives + 1)
    return twice_above / (2 * positives * negatives)


def f_beta(
    predicted: Bool[np.ndarray, "N"], positive: Bool[np.ndarray, "N"], beta: float = 1.0
) -> float | None:
    """Weighted harmonic mean of precision and recall, recall counting `beta` times as much.

    (1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP); None where nothing is positive and nothing predicted.

    Raises:
        ShapeError: the arrays are not one-dimensional and equally long.
        ConfigError: beta is not positive and finite.
    """
    if not (beta > 0 and np.isfinite(beta)):
        raise ConfigError(f"beta: {beta} must be positive and finite")
    guess, truth = _paired("predicted", np.asarray(predicted, dtype=bool), np.asarray(positive, dtype=bool))
    hits, missed, wrong = int((guess & truth).sum()), int((~guess & truth).sum()), int((guess & ~truth).sum())
    weighted = (1 + beta * beta) * hits
    total = weighted + beta * beta * missed + wrong
    return weighted / total if total else None


def hierarchical_bootstrap_mean(
    groups: Sequence[Float[np.ndarray, "N"]], *, seed: int, resamples: int = 2000, confidence: float = 0.95
) -> Interval:
    """Percentile interval of the mean of group means: groups (seeds) are drawn first, then values within each.

    Raises:
        ShapeError: there is no group, or one is empty or not one-dimensional.
        ConfigError: confidence is outside (0, 1) or resamples below 1.
    """
    if resamples < 1:
        raise ConfigError(f"resamples: {resamples} is below 1")
    tail = (1 - _checked_confidence(confidence)) / 2
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    if not arrays or any(array.ndim != 1 or array.size == 0 for array in arrays):
        shapes = [array.shape for array in arrays]
        raise ShapeError(f"groups: shapes {shapes}, expected at least one non-empty one-dimensional array")
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for index in range(resamples):
        drawn = generator.integers(len(arrays), size=len(arrays))
        means[index] = np.mean([_resampled_mean(arrays[group], generator) for group in drawn])
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _resampled_mean(values: Float[np.ndarray, "N"], generator: np.random.Generator) -> float:
    return float(values[generator.integers(values.size, size=values.size)].mean())


def _checked_confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence: {confidence} is outside (0, 1)")
    return confidence


def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + _checked_confidence(confidence) / 2)


def _paired(name: str, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if first.ndim != 1 or first.shape != second.shape:
        raise ShapeError(
            f"{name}: shape {first.shape}, expected one dimension and the labels' shape {second.shape}"
        )
    return first, second
