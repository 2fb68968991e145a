"""The decision rule of docs/method.md: what is estimated from the finished runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float

from vgrout.evals.metrics import percentile_interval
from vgrout.sweep.comparisons import (
    Runs,
    Statistic,
    compare,
    equivalence_p,
    replicates,
    seed_means,
    sign_flip_p,
    standardised_difference,
)
from vgrout.sweep.instrument import Base, Check, instrument_checks
from vgrout.sweep.plans import ABSORB, HAAR, NO_LOOPHOLE, ORACLE, ROUTE, SHUFFLED
from vgrout.sweep.verdict import HACK, MARGIN, Findings, Verdict, verdict

LEAST_GAP = 0.1
"""Least lower bound of a ratio's denominator; the share of a smaller gap means nothing."""
_SOLVE = "deployed solve on hinted prompts"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Everything that the rule gives."""

    statistics: tuple[Statistic, ...]
    checks: tuple[Check, ...]
    verdict: Verdict


def decide(runs: Runs, missing: Sequence[str], bases: Mapping[str | None, Base]) -> Decision:
    """Apply the rule to the finished runs; `missing` names the plan's runs that are not."""
    found = Findings(
        haar=compare(runs, HAAR, ROUTE),
        shuffled=compare(runs, SHUFFLED, ROUTE),
        placebo=compare(runs, ABSORB, HAAR),
        solve=compare(runs, ROUTE, HAAR, "solve_hinted"),
        kept=_ratio(runs, (ROUTE,), (NO_LOOPHOLE,), "solve_hinted", "routeA_solve_share"),
        explained=_ratio(runs, (ABSORB, ROUTE), (ABSORB, ORACLE), "hack", "routeA_gap_share"),
    )
    checks = tuple(instrument_checks(runs, bases))
    statistics = chain(effect_statistics(runs), _decision_statistics(runs, found), _routing_statistics(runs))
    sizes = [tally.n for outcome in runs.outcomes for tally in outcome.tallies.values()]
    judged = verdict(found, missing, checks, seeds=len(runs.seeds(*runs.arms)), answers=min(sizes, default=0))
    return Decision(statistics=tuple(statistics), checks=checks, verdict=judged)


def effect_statistics(runs: Runs) -> Iterable[Statistic]:
    """Haar against routeA: the difference, its test, and how many draws routeA is below."""
    yield from _difference(runs, HAAR, ROUTE, "hack", f"{HACK}, mean of a seed's draws minus routeA")
    seeds = runs.seeds(HAAR, ROUTE)
    name, meaning = (
        "routeA_below_draw",
        "share of (seed, draw) pairs in which routeA's deployed hack is below, a tie being none; n pairs",
    )
    if not seeds:
        yield Statistic(name=name, meaning=meaning, estimate=None)
        return
    draws = runs.shares(HAAR, "deployed", "hack", seeds).mean(axis=2, keepdims=True)
    route = runs.by_seed(ROUTE, "deployed", "hack", seeds)[:, None, None]
    below = np.where(np.isnan(draws), np.nan, route < draws)
    bounds = percentile_interval(replicates([below])[:, 0], groups=len(seeds))
    pairs = int((~np.isnan(below)).sum())
    yield Statistic(
        name=name,
        meaning=meaning,
        estimate=float(np.nansum(below) / pairs),
        low=bounds.low,
        high=bounds.high,
        n=pairs,
    )


def _decision_statistics(runs: Runs, found: Findings) -> Iterable[Statistic]:
    for model in dict.fromkeys(run.cell.model for run in runs.outcomes):
        part = Runs(tuple(run for run in runs.outcomes if run.cell.model == model))
        comparison = compare(part, HAAR, ROUTE)
        if model is not None and comparison is not None:
            yield comparison.statistic(f"haar_minus_routeA[{model}]", f"the same from the warm start {model}")
    yield from _difference(runs, SHUFFLED, ROUTE, "hack", f"{HACK}, shuffled labels minus routeA")
    yield from _difference(runs, ABSORB, HAAR, "hack", f"{HACK}, absorb minus Haar")
    for name, comparison in ((f"{ABSORB}_haar", found.placebo), (f"{HAAR}_routeA", found.haar)):
        p = None if comparison is None else equivalence_p(comparison.by_seed, MARGIN)
        yield Statistic(
            name=f"{name}_equivalence_p",
            meaning=f"two one-sided t tests over seeds that the difference lies within {MARGIN}",
            estimate=p,
            n=0 if comparison is None else len(comparison.by_seed),
        )
    yield found.explained
    yield _ratio(runs, (ABSORB, HAAR), (ABSORB, ORACLE), "hack", "haar_gap_share")
    yield from _difference(runs, ROUTE, HAAR, "solve_hinted", f"{_SOLVE}, routeA minus Haar")
    yield found.kept


def _routing_statistics(runs: Runs) -> Iterable[Statistic]:
    """How alike the arms route: a difference here is a rival explanation of one in the hack share."""
    for second in (HAAR, SHUFFLED):
        seeds = runs.seeds(ROUTE, second)
        for figure in ("qmass", "rout", "keep"):
            arrays = [runs.figures(arm, figure, seeds) for arm in (ROUTE, second)]
            name = f"{figure}_routeA_minus_{second}"
            meaning = f"mean over steps of {'qmass' if figure == 'qmass' else f'the share of zone {figure}'}"
            first, other = arrays
            if first is None or other is None:
                yield Statistic(name=name, meaning=meaning, estimate=None)
                continue
            drawn = replicates([first, other])
            bounds = percentile_interval(drawn[:, 0] - drawn[:, 1], groups=len(seeds))
            yield Statistic(
                name=name,
                meaning=meaning,
                estimate=float((seed_means(first) - seed_means(other)).mean()),
                low=bounds.low,
                high=bounds.high,
                n=len(seeds),
                is_difference=True,
            )
            yield Statistic(
                name=f"{name}_standardised",
                meaning="the same in pooled standard deviations of the runs",
                estimate=standardised_difference(first[~np.isnan(first)], other[~np.isnan(other)]),
                n=len(seeds),
            )


def _difference(runs: Runs, first: str, second: str, measure: str, meaning: str) -> Iterable[Statistic]:
    """The difference of two arms and the p of its sign-flip test."""
    name = f"{first}_minus_{second}" + ("" if measure == "hack" else "_solve")
    comparison = compare(runs, first, second, measure)
    if comparison is None:
        yield Statistic(name=name, meaning=meaning, estimate=None)
        return
    yield comparison.statistic(name, meaning)
    yield Statistic(
        name=f"{name}_p",
        meaning="two-sided paired sign-flip permutation test over seeds",
        estimate=sign_flip_p(comparison.by_seed),
        n=len(comparison.by_seed),
    )


def _ratio(runs: Runs, above: tuple[str, ...], below: tuple[str, ...], measure: str, name: str) -> Statistic:
    """Ratio of two arms' means or of two differences of arms, with its interval."""
    what = HACK if measure == "hack" else _SOLVE
    meaning = f"({' - '.join(above)}) / ({' - '.join(below)}), {what}"
    arms = tuple(dict.fromkeys((*above, *below)))
    seeds = runs.seeds(*arms)
    if not seeds:
        return Statistic(name=name, meaning=meaning, estimate=None)
    arrays = [runs.shares(arm, "deployed", measure, seeds) for arm in arms]
    means = np.asarray([[seed_means(array).mean() for array in arrays]])
    drawn = replicates(arrays)
    signs = [_signs(arms, part) for part in (above, below)]
    if percentile_interval(drawn @ signs[1], groups=len(seeds)).low <= LEAST_GAP:
        short = f"{meaning}; the denominator is not above {LEAST_GAP} with 95 % confidence"
        return Statistic(name=name, meaning=short, estimate=None, n=len(seeds))
    # A resample whose denominator is 0 says nothing; the check above leaves few.
    drawn = drawn[drawn @ signs[1] != 0]
    bounds = percentile_interval((drawn @ signs[0]) / (drawn @ signs[1]), groups=len(seeds))
    return Statistic(
        name=name,
        meaning=meaning,
        estimate=float(((means @ signs[0]) / (means @ signs[1]))[0]),
        low=bounds.low,
        high=bounds.high,
        n=len(seeds),
    )


def _signs(arms: Sequence[str], part: Sequence[str]) -> Float[np.ndarray, " A"]:
    """+1 for the first arm of a difference, -1 for the second."""
    signs = np.zeros(len(arms))
    for arm, sign in zip(part, (1.0, -1.0), strict=False):
        signs[arms.index(arm)] += sign
    return signs
