"""Statistics of counts and scores: intervals, AUROC, F-beta, bootstrap. Pure NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from vgrout.errors import ConfigError, DataError, ShapeError

_CHUNK_VALUES = 4_000_000
"""Values that the bootstrap holds at a time: 32 MB."""


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


def auroc(scores: Float[np.ndarray, " N"], positive: Bool[np.ndarray, " N"]) -> float | None:
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
    predicted: Bool[np.ndarray, " N"], positive: Bool[np.ndarray, " N"], beta: float = 1.0
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


def bootstrap_means(
    arms: Sequence[Float[np.ndarray, "S D N"]], *, seed: int, resamples: int, shared_items: bool
) -> Float[np.ndarray, "R A"]:
    """Resampled means of several arms, drawn together so that what pairs them stays paired.

    Axis 0 are groups (seeds), axis 1 repetitions within a group (draws), axis 2 items (problems); NaN pads what is
    ragged, always behind the values. Each resample draws groups with replacement, the same for all arms; within
    each drawn group repetitions; and items: `shared_items` draws one set for all groups and arms, for items that
    every group was asked (the pigeonhole bootstrap, Owen, Ann. Appl. Stat. 1, 2007); otherwise each group and
    repetition draws its own. The mean is that of groups' means of repetitions' means.

    Raises:
        ShapeError: no arm, an empty one, a group without a value, or arms of other groups or shared items.
        ConfigError: resamples is below 1.
    """
    if resamples < 1:
        raise ConfigError(f"resamples: {resamples} is below 1")
    arrays = [np.asarray(arm, dtype=np.float64) for arm in arms]
    _check_arms(arrays, shared_items=shared_items)
    generator = np.random.default_rng(seed)
    groups, items = arrays[0].shape[0], arrays[0].shape[2]
    means = np.empty((resamples, len(arrays)))
    rows = max(1, _CHUNK_VALUES // max(array.size for array in arrays))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(groups, size=(count, groups))
        weights = (
            generator.multinomial(items, np.full(items, 1 / items), size=count) if shared_items else None
        )
        for column, array in enumerate(arrays):
            means[start : start + count, column] = _drawn_means(array, drawn, weights, generator)
    return means


def percentile_interval(
    replicates: Float[np.ndarray, " R"], confidence: float = 0.95, *, groups: int | None = None
) -> Interval:
    """The middle `confidence` of a bootstrap's replicates.

    With `groups`, the number that was resampled, the expanded percentile interval (Hesterberg, Am. Stat. 69, 2015):
    each tail is Φ(-√(n/(n - 1))·t), t Student's quantile, because few groups make the plain one too narrow. One
    group leaves nothing to correct by.

    Raises:
        ConfigError: confidence is outside (0, 1).
    """
    tail = (1 - _checked_confidence(confidence)) / 2
    if groups is not None and groups > 1:
        from scipy.stats import t  # type: ignore[import-untyped]

        tail = NormalDist().cdf(float(t.ppf(tail, groups - 1)) * (groups / (groups - 1)) ** 0.5)
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _check_arms(arrays: Sequence[np.ndarray], *, shared_items: bool) -> None:
    shapes = [array.shape for array in arrays]
    if not arrays or any(array.ndim != 3 or array.size == 0 for array in arrays):
        raise ShapeError(f"arms: shapes {shapes}, expected groups, repetitions and items of each")
    if len({shape[0] for shape in shapes}) > 1 or (shared_items and len({shape[2] for shape in shapes}) > 1):
        raise ShapeError(f"arms: shapes {shapes} differ in their groups or shared items")
    if any(np.isnan(array).all(axis=(1, 2)).any() for array in arrays):
        raise ShapeError("arms: a group has no value")


def _drawn_means(
    array: Float[np.ndarray, "S D N"],
    drawn: np.ndarray,
    weights: np.ndarray | None,
    generator: np.random.Generator,
) -> Float[np.ndarray, " R"]:
    """Mean of each resample's drawn groups; `weights` say how often each item was drawn, None draws them here."""
    filled = ~np.isnan(array)
    repetitions = filled.any(axis=2).sum(axis=1)[drawn]
    if weights is not None:
        flat = np.where(filled, array, 0.0).reshape(-1, array.shape[2])
        mass = weights @ filled.reshape(flat.shape).T
        # A resample may miss every item of a ragged row; such a row then adds nothing.
        each = (weights @ flat.T / np.maximum(mass, 1)).reshape(len(drawn), *array.shape[:2])
    total = np.zeros(drawn.shape)
    for slot in range(array.shape[1]):
        chosen = _picks(generator, repetitions, drawn.shape) if array.shape[1] > 1 else np.zeros_like(drawn)
        if weights is not None:
            value = each[np.arange(len(drawn))[:, None], drawn, chosen]
        else:
            sizes = filled.sum(axis=2)[drawn, chosen][..., None]
            places = _picks(generator, sizes, (*drawn.shape, array.shape[2]))
            taken = np.arange(array.shape[2]) < sizes
            picked = np.where(taken, array[drawn[..., None], chosen[..., None], places], 0.0)
            value = picked.sum(axis=2) / sizes[..., 0]
        total += np.where(slot < repetitions, value, 0.0)
    return np.asarray((total / repetitions).mean(axis=1))


def _picks(generator: np.random.Generator, sizes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform places below `sizes`."""
    return np.asarray(np.floor(generator.random(shape) * sizes), dtype=np.int64)


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
