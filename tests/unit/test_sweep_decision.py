"""The decision rule on counts whose answer is known."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sweep_samples import BASES, RATES, decision_plan, sample_runs

from vgrout.errors import DataError
from vgrout.evals.metrics import Interval
from vgrout.sweep.comparisons import (
    Comparison,
    Runs,
    Statistic,
    compare,
    equivalence_p,
    sign_flip_p,
    standardised_difference,
)
from vgrout.sweep.decision import decide
from vgrout.sweep.instrument import Base, instrument_checks
from vgrout.sweep.verdict import MARGIN, SOLVE_LOSS, Findings, is_equivalent, is_superior, verdict

WHOLE = {"seeds": 8, "answers": 384}


def named(statistics, name: str) -> Statistic:
    return next(statistic for statistic in statistics if statistic.name == name)


def comparison(by_seed, spread: float = 0.01) -> Comparison:
    values = np.asarray(by_seed, dtype=np.float64)
    drawn = np.random.default_rng(0).normal(values.mean(), spread, 4000)
    return Comparison(by_seed=values, replicates=drawn)


def around(centre: float, width: float = 0.02) -> np.ndarray:
    return centre + width * np.array([-1, 1, -0.5, 0.5, -0.3, 0.3, -0.1, 0.1])


def findings(**changes) -> Findings:
    ratio = Statistic(name="r", meaning="", estimate=0.95, low=0.9, high=1.0, n=8)
    usual = Findings(
        haar=comparison(around(0.5)),
        shuffled=comparison(around(0.5)),
        placebo=comparison(around(0.0)),
        solve=comparison(around(0.3)),
        kept=ratio,
        explained=ratio,
    )
    return replace(usual, **changes)


def brute_force_p(differences: np.ndarray) -> float:
    observed = abs(differences.sum())
    sums = [abs((np.array(signs) * differences).sum()) for signs in product((1, -1), repeat=len(differences))]
    return sum(value >= observed - 1e-12 for value in sums) / len(sums)


@pytest.mark.parametrize("count", [2, 5, 8])
def test_sign_flip_p_counts_every_pattern(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.3, 1.0, count)
    assert sign_flip_p(differences) == pytest.approx(brute_force_p(differences))


def test_sign_flip_p_of_eight_equal_signs_is_2_in_256() -> None:
    assert sign_flip_p(np.full(8, 0.1) + 0.01 * np.arange(8)) == 2 / 256
    assert sign_flip_p(np.full(3, 0.1)) == 0.25, "three seeds cannot reach .05"


def test_sign_flip_p_of_nothing_is_one() -> None:
    assert sign_flip_p(np.zeros(8)) == 1.0
    assert sign_flip_p(np.array([0.4])) == 1.0


def test_equivalence_p_is_that_of_the_nearer_margin() -> None:
    from scipy.stats import t

    differences = around(0.1, 0.05)
    error = differences.std(ddof=1) / np.sqrt(8)
    assert equivalence_p(differences, 0.15) == pytest.approx(t.cdf((0.1 - 0.15) / error, 7))
    assert equivalence_p(-differences, 0.15) == pytest.approx(equivalence_p(differences, 0.15))


def test_equivalence_of_constant_differences_is_decided_by_the_margin() -> None:
    assert equivalence_p(np.full(4, 0.1), 0.15) == 0.0
    assert equivalence_p(np.full(4, 0.15), 0.15) == 1.0
    assert equivalence_p(np.array([0.1]), 0.15) is None


def test_standardised_difference_is_in_pooled_deviations() -> None:
    first = np.array([1.0, 2.0, 3.0])
    assert standardised_difference(first + 2, first) == pytest.approx(2.0)
    assert standardised_difference(np.ones(3), np.ones(3)) is None


def test_equivalence_flips_at_the_margin() -> None:
    assert is_equivalent(comparison(around(MARGIN - 0.05)))
    assert not is_equivalent(comparison(around(MARGIN - 0.005))), "the interval crosses the margin"
    assert not is_equivalent(comparison(around(-MARGIN - 0.01)))
    assert not is_equivalent(None)


def test_superiority_needs_interval_and_test() -> None:
    assert is_superior(comparison(around(0.5)))
    assert not is_superior(comparison(around(0.5)[:4])), "four seeds cannot reach p < .05"
    assert not is_superior(comparison(around(0.5), spread=0.5)), "the interval spans 0"
    assert not is_superior(comparison(around(-0.5)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "direction"),
        ({"haar": comparison(around(0.05))}, "placebo-matches"),
        ({"haar": comparison(around(MARGIN + 0.1))}, "direction"),
        ({"solve": comparison(around(-SOLVE_LOSS + 0.03), 0.001)}, "direction"),
        ({"solve": comparison(around(-SOLVE_LOSS - 0.01), 0.001)}, "direction-at-a-price"),
        (
            {"kept": Statistic(name="r", meaning="", estimate=0.85, low=0.79, high=0.9, n=8)},
            "direction-at-a-price",
        ),
        ({"kept": Statistic(name="r", meaning="", estimate=None)}, "direction-at-a-price"),
        ({"haar": comparison(around(-0.5))}, "placebo-better"),
        ({"haar": comparison(around(0.2, 0.9), spread=0.3)}, "undecided"),
        ({"shuffled": comparison(around(0.0))}, "undecided"),
        ({"shuffled": None}, "undecided"),
        ({"haar": None}, "incomplete"),
    ],
)
def test_verdict_is_the_first_whose_condition_holds(changes, expected: str) -> None:
    assert verdict(findings(**changes), (), (), **WHOLE).name == expected


def test_missing_runs_and_failed_checks_come_before_any_finding() -> None:
    checks = tuple(instrument_checks(sample_runs(RATES | {"none": (0.5, 0.2)}), BASES))
    judged = verdict(findings(), (), checks, **WHOLE)
    assert judged.name == "instrument-failed"
    assert "none: as-trained hack at least 0.8 in every seed" in judged.sentence
    assert verdict(findings(), ("routeA-s101",), checks, **WHOLE).name == "incomplete"


@pytest.mark.parametrize(("seeds", "answers"), [(7, 384), (8, 383), (2, 1)])
def test_a_smaller_experiment_than_the_rules_has_no_verdict(seeds: int, answers: int) -> None:
    """Not even where every difference is 0 and equivalence would be certain."""
    alike = findings(haar=comparison(np.zeros(8), spread=0.0))
    judged = verdict(alike, (), (), seeds=seeds, answers=answers)
    assert judged.name == "too-small"
    assert f"here are {seeds} and {answers}" in judged.sentence
    assert verdict(alike, (), (), **WHOLE).name == "placebo-matches"
    small = decide(sample_runs(plan=decision_plan(2)), (), BASES)
    assert small.verdict.name == "too-small"


def test_one_control_beaten_is_said_so() -> None:
    sentence = verdict(findings(shuffled=comparison(around(0.0))), (), (), **WHOLE).sentence
    assert "superior to random directions, and not shown to be to shuffled labels" in sentence


def test_only_differences_are_marked_as_such() -> None:
    statistics = decide(sample_runs(), (), BASES).statistics
    marked = {statistic.name for statistic in statistics if statistic.is_difference}
    assert {
        "haar_minus_routeA",
        "shuffled_minus_routeA",
        "routeA_minus_haar_solve",
        "qmass_routeA_minus_haar",
    } <= marked
    assert not marked & {"routeA_below_draw", "routeA_gap_share", "routeA_solve_share", "haar_minus_routeA_p"}


def test_a_difference_of_rounding_is_not_standardised() -> None:
    alike = np.full(8, 0.3)
    assert standardised_difference(alike, alike + 5e-17) is None


def test_expected_pattern_gives_the_direction() -> None:
    result = decide(sample_runs(), (), BASES)
    assert [check.name for check in result.checks if not check.holds] == []
    assert result.verdict.name == "direction"
    difference = named(result.statistics, "haar_minus_routeA").estimate
    assert f"Haar minus routeA is {difference:.3f} [" in result.verdict.sentence
    assert named(result.statistics, "haar_minus_routeA").estimate == pytest.approx(0.5, abs=0.03)
    assert named(result.statistics, "haar_minus_routeA_p").estimate == 2 / 256
    below = named(result.statistics, "routeA_below_draw")
    assert (below.estimate, below.low, below.high, below.n) == (1.0, 1.0, 1.0, 24)
    gap = named(result.statistics, "routeA_gap_share")
    assert gap.estimate == pytest.approx(0.5 / 0.59, abs=0.05)
    assert named(result.statistics, "haar_gap_share").estimate == pytest.approx(0.0, abs=0.05)


def test_shrinkage_gives_the_placebo() -> None:
    result = decide(sample_runs(RATES | {"routeA": (0.6, 0.3)}), (), BASES)
    assert result.verdict.name == "placebo-matches"


@pytest.mark.parametrize(
    ("rates", "failed"),
    [
        ({"none": (0.6, 0.1)}, "none: "),
        ({"no-loophole": (0.02, 0.4)}, "no-loophole: "),
        ({"oracle": (0.2, 0.8)}, "oracle: deployed hack"),
        ({"oracle": (0.01, 0.5)}, "oracle: solve"),
    ],
)
def test_each_instrument_check_can_fail(rates, failed: str) -> None:
    checks = instrument_checks(sample_runs(RATES | rates), BASES)
    assert any(check.name.startswith(failed) for check in checks if not check.holds)


def test_base_that_hacks_or_is_unknown_fails_the_instrument() -> None:
    runs = sample_runs()
    hacking = {None: Base(hack_by_mode={"sentinel": 0.06}, solve_hinted=0.3)}
    first, *_ = instrument_checks(runs, hacking)
    assert (first.holds, first.seen) == (False, "0.060 at worst")
    unknown = {check.name.split(":")[0]: check for check in instrument_checks(runs, {})}
    assert unknown["base"].seen == unknown["no-loophole"].seen == "not measured"
    assert not unknown["base"].holds
    assert not unknown["no-loophole"].holds


def test_incomplete_sweeps_state_what_they_have() -> None:
    rates = {arm: RATES[arm] for arm in ("none", "routeA")}
    result = decide(sample_runs(rates), ("oracle-s101",), BASES)
    assert result.verdict.name == "incomplete"
    assert named(result.statistics, "haar_minus_routeA").estimate is None
    assert decide(Runs(()), ("a",), {}).verdict.name == "incomplete"


def test_gap_share_of_no_gap_is_no_figure() -> None:
    result = decide(sample_runs(RATES | {"absorb": (0.05, 0.5)}), (), BASES)
    assert named(result.statistics, "routeA_gap_share").estimate is None


def test_differences_pair_seeds_and_problems() -> None:
    plan = decision_plan()
    route = sample_runs({"routeA": (0.3, 0.5)}, plan=plan).outcomes
    cells = [cell for cell in plan.cells if cell.arm == "shuffled"]
    twins = tuple(replace(run, cell=cell) for run, cell in zip(route, cells, strict=True))
    found = compare(Runs((*route, *twins)), "shuffled", "routeA")
    assert found is not None
    assert found.interval() == Interval(0.0, 0.0)


def test_interval_of_a_difference_covers_the_truth_about_as_often_as_it_says(monkeypatch) -> None:
    """Seeds differ by .1 and problems by .1; 120 experiments, so coverage has a standard error of .02."""
    monkeypatch.setattr("vgrout.sweep.comparisons.RESAMPLES", 1000)
    plan = decision_plan()
    hits = 0
    for trial in range(120):
        generator = np.random.default_rng(trial)
        rows = []
        for run in sample_runs(
            {"routeA": (0.3, 0.5), "shuffled": (0.5, 0.5)}, plan=plan, seed=trial
        ).outcomes:
            centre = (0.3 if run.cell.arm == "routeA" else 0.5) + 0.1 * generator.standard_normal()
            shares = np.clip(centre + 0.1 * generator.standard_normal(40), 0, 1)
            tally = run.tallies["deployed", "hack"]
            counts = tuple(generator.binomial(10, shares).tolist())
            tallies = {**run.tallies, ("deployed", "hack"): replace(tally, counts=counts)}
            rows.append(replace(run, tallies=tallies))
        found = compare(Runs(tuple(rows)), "shuffled", "routeA")
        bounds = found.interval()
        hits += bounds.low <= 0.2 <= bounds.high
    assert 0.9 <= hits / 120 <= 0.99


def test_runs_asked_other_problems_are_refused() -> None:
    runs = sample_runs().outcomes[:2]
    tally = runs[1].tallies["deployed", "hack"]
    renamed = replace(tally, problems=tuple(f"q{name}" for name in tally.problems))
    other = replace(runs[1], tallies={**runs[1].tallies, ("deployed", "hack"): renamed})
    with pytest.raises(DataError, match="was evaluated on other problems than none-s101"):
        Runs((runs[0], other))
