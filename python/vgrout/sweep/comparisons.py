"""Finished runs as arrays, and the statistics between two arms: paired by seed and by problem."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from vgrout.errors import DataError
from vgrout.evals.metrics import Interval, bootstrap_means, percentile_interval
from vgrout.sweep.outcomes import MEASURES, POLICIES, Outcome, mean_of, nested_zones

RESAMPLES = 10_000
BOOTSTRAP_SEED = 0
EXACT_SEEDS = 16
"""Up to so many seeds every pattern of signs is counted; above it 100,000 are drawn."""


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One figure of a sweep's result; None where it was not measured."""

    name: str
    meaning: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Seeds, or what `meaning` says."""
    is_difference: bool = False
    """Zero means that two arms are alike."""


@dataclass(frozen=True)
class Runs:
    """The finished runs of a sweep, by arm and seed."""

    outcomes: tuple[Outcome, ...]

    def __post_init__(self) -> None:
        """Every run was asked the same problems.

        Raises:
            DataError: two runs were not.
        """
        for measure in MEASURES:
            asked = {
                outcome.tallies["deployed", measure].problems: outcome.cell.name for outcome in self.outcomes
            }
            if len(asked) > 1:
                first, second = list(asked.values())[:2]
                raise DataError(f"{second}: was evaluated on other problems than {first}, {measure}")

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms that have a finished run, in the plan's order."""
        return tuple(dict.fromkeys(outcome.cell.arm for outcome in self.outcomes))

    def of(self, arm: str, seed: int | None = None) -> tuple[Outcome, ...]:
        """Runs of an arm, or of one of its seeds."""
        return tuple(o for o in self.outcomes if o.cell.arm == arm and seed in {None, o.cell.seed})

    def seeds(self, *arms: str) -> tuple[int, ...]:
        """Seeds that have a run of each of the arms."""
        each = [{outcome.cell.seed for outcome in self.of(arm)} for arm in arms]
        return tuple(sorted(set.intersection(*each))) if each else ()

    def shares(self, arm: str, policy: str, measure: str, seeds: Sequence[int]) -> Float[np.ndarray, "S D P"]:
        """Shares by seed, draw and problem; NaN where a seed has fewer draws."""
        rows = [[run.tallies[policy, measure].shares for run in self.of(arm, seed)] for seed in seeds]
        return _padded(rows)

    def figures(self, arm: str, name: str, seeds: Sequence[int]) -> Float[np.ndarray, "S D 1"] | None:
        """A training figure by seed and draw; None where a run has none."""
        rows = [[run.train[name] for run in self.of(arm, seed)] for seed in seeds]
        if not seeds or any(value is None for row in rows for value in row):
            return None
        return _padded([[np.asarray([value], dtype=np.float64) for value in row] for row in rows])

    def by_seed(self, arm: str, policy: str, measure: str, seeds: Sequence[int]) -> Float[np.ndarray, " S"]:
        """Mean share of each seed, over its draws and problems."""
        return seed_means(self.shares(arm, policy, measure, seeds))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """First arm minus second arm on one measure of the deployed policy."""

    by_seed: Float[np.ndarray, " S"]
    replicates: Float[np.ndarray, " R"]

    @property
    def estimate(self) -> float:
        """Mean of the seeds' differences."""
        return float(self.by_seed.mean())

    def interval(self, confidence: float = 0.95) -> Interval:
        """Bootstrap interval over seeds, draws and problems."""
        return percentile_interval(self.replicates, confidence, groups=len(self.by_seed))

    def statistic(self, name: str, meaning: str) -> Statistic:
        """The difference with its 95 % interval."""
        bounds = self.interval()
        return Statistic(
            name=name,
            meaning=meaning,
            estimate=self.estimate,
            low=bounds.low,
            high=bounds.high,
            n=len(self.by_seed),
            is_difference=True,
        )


def compare(runs: Runs, first: str, second: str, measure: str = "hack") -> Comparison | None:
    """Compare two arms on the seeds that both have; None where there is none."""
    seeds = runs.seeds(first, second)
    if not seeds:
        return None
    arrays = [runs.shares(arm, "deployed", measure, seeds) for arm in (first, second)]
    means = replicates(arrays)
    difference = seed_means(arrays[0]) - seed_means(arrays[1])
    return Comparison(by_seed=difference, replicates=means[:, 0] - means[:, 1])


def replicates(arrays: Sequence[Float[np.ndarray, "S D P"]]) -> Float[np.ndarray, "R A"]:
    """The bootstrap's means of arms that share seeds and problems."""
    return bootstrap_means(arrays, seed=BOOTSTRAP_SEED, resamples=RESAMPLES, shared_items=True)


def seed_means(array: Float[np.ndarray, "S D P"]) -> Float[np.ndarray, " S"]:
    """Each seed's mean of its draws' means."""
    return np.asarray(np.nanmean(array.mean(axis=2), axis=1))


def sign_flip_p(differences: Float[np.ndarray, " S"]) -> float:
    """Two-sided p of a paired permutation test: each seed's difference may as well have the other sign.

    Exact up to 16 seeds, so that p is a whole number of 2^S; the smallest is 2/2^S.
    """
    from scipy.stats import permutation_test  # type: ignore[import-untyped]

    if len(differences) < 2 or not np.any(differences):
        return 1.0
    exact = len(differences) <= EXACT_SEEDS
    result = permutation_test(
        (differences,),
        lambda values, axis: np.mean(values, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if exact else 100_000,
        rng=BOOTSTRAP_SEED,
    )
    return float(min(1.0, result.pvalue))


def equivalence_p(differences: Float[np.ndarray, " S"], margin: float) -> float | None:
    """Larger p of the two one-sided t tests that the mean lies inside (-margin, margin); None below two seeds."""
    from scipy.stats import ttest_1samp

    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:
        return 0.0 if abs(float(differences[0])) < margin else 1.0
    below = ttest_1samp(differences, margin, alternative="less").pvalue
    above = ttest_1samp(differences, -margin, alternative="greater").pvalue
    return float(max(below, above))


def standardised_difference(first: Float[np.ndarray, " N"], second: Float[np.ndarray, " M"]) -> float | None:
    """(mean - mean) / √((variance + variance) / 2); None where neither varies or there are too few values."""
    if min(len(first), len(second)) < 2:
        return None
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    # What differs by rounding alone does not vary.
    rounding = np.finfo(np.float64).eps * max(abs(first).max(), abs(second).max())
    return float((first.mean() - second.mean()) / spread) if spread > 8 * rounding else None


def arm_row(runs: Runs, arm: str) -> dict[str, Any]:
    """An arm's means with intervals over seeds, draws and problems, for the sweep's result."""
    seeds, members = runs.seeds(arm), runs.of(arm)
    names = [(policy, measure) for policy in POLICIES for measure in MEASURES]
    means: dict[tuple[str, str], dict[str, Any]] = {}
    for prompts in (("hack", "solve_hinted"), ("solve_plain",)):
        chosen = [name for name in names if name[1] in prompts]
        arrays = [runs.shares(arm, *name, seeds) for name in chosen]
        drawn = replicates(arrays)
        for column, name in enumerate(chosen):
            bounds = percentile_interval(drawn[:, column], groups=len(seeds))
            means[name] = {
                "mean": float(seed_means(arrays[column]).mean()),
                "low": bounds.low,
                "high": bounds.high,
                "count": sum(run.tallies[name].count for run in members),
                "n": sum(run.tallies[name].n for run in members),
            }
    train = {name: mean_of(run.train[name] for run in members) for name in members[0].train}
    row: dict[str, Any] = {"arm": arm, "runs": len(members), "seeds": len(seeds)}
    row["steps_to_hack"] = [run.steps_to_hack for run in members]
    for policy in POLICIES:
        row[policy] = {measure: means[policy, measure] for measure in MEASURES}
    return row | {
        "by_mode": {policy: _by_mode(members, policy) for policy in POLICIES},
        "train": nested_zones(train),
    }


def _by_mode(members: Sequence[Outcome], policy: str) -> list[dict[str, Any]]:
    """Counts of an arm's runs together, by prompt kind and loophole mode."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in (row for run in members for row in run.by_mode[policy]):
        cell = counts.setdefault((row["prompt"], row["mode"]), Counter())
        cell.update({name: row[name] for name in ("exploited", "gt_correct", "n")})
    return [{"prompt": prompt, "mode": mode, **cell} for (prompt, mode), cell in sorted(counts.items())]


def _padded(rows: Sequence[Sequence[Float[np.ndarray, " P"]]]) -> Float[np.ndarray, "S D P"]:
    array = np.full((len(rows), max(map(len, rows)), len(rows[0][0])), np.nan)
    for place, row in enumerate(rows):
        for draw, values in enumerate(row):
            array[place, draw] = values
    return array
