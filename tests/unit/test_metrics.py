"""Intervals, AUROC, F-beta and bootstrap against known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.evals.metrics import (
    Interval,
    auroc,
    bootstrap_means,
    f_beta,
    percentile_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        (66, 87, 0.659, 0.836),  # science.md: 75.9 % as trained
        (19, 87, 0.145, 0.316),  # science.md: 21.8 % ablated
        (0, 10, 0.0, 0.278),
        (10, 10, 0.722, 1.0),
        (1, 2, 0.0945, 0.9055),
    ],
)
def test_wilson_interval_has_its_published_values(
    successes: int, total: int, low: float, high: float
) -> None:
    found = wilson_interval(successes, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == Interval(0.0, 1.0)


@given(total=st.integers(1, 10_000), share=st.floats(0, 1), confidence=st.floats(0.01, 0.999))
def test_wilson_bounds_solve_the_score_equation(total: int, share: float, confidence: float) -> None:
    successes = round(share * total)
    found = wilson_interval(successes, total, confidence)
    p = successes / total
    assert 0 <= found.low <= p <= found.high <= 1
    mirrored = wilson_interval(total - successes, total, confidence)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-9)
    if 0 < successes < total:  # |p - bound| = z·√(bound(1 - bound)/n) at both bounds, so the z are equal
        z = [abs(p - b) / np.sqrt(b * (1 - b) / total) for b in (found.low, found.high)]
        assert z[0] == pytest.approx(z[1], rel=1e-6)


@pytest.mark.parametrize(("successes", "total"), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(successes: int, total: int) -> None:
    with pytest.raises(DataError, match=rf"successes: {successes} is outside \[0, {total}\]"):
        wilson_interval(successes, total)


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ConfigError, match="confidence"):
        wilson_interval(1, 2, confidence)
    with pytest.raises(ConfigError, match="confidence"):
        percentile_interval(np.ones(3), confidence)


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([5, 5, 5, 5], [0, 1, 0, 1], 0.5),
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),
        ([1, 1, 2], [0, 1, 1], 0.75),
    ],
)
def test_auroc_has_its_known_value(scores: list[float], labels: list[int], expected: float) -> None:
    assert auroc(np.array(scores, float), np.array(labels, bool)) == expected


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1]])
def test_auroc_of_one_class_is_none(labels: list[int]) -> None:
    assert auroc(np.zeros(len(labels)), np.array(labels, bool)) is None


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=40))
def test_auroc_counts_pairs(rows: list[tuple[int, bool]]) -> None:
    scores, labels = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    pairs = [(a > b) + (a == b) / 2 for a in scores[labels] for b in scores[~labels]]
    assert auroc(scores, labels) == (pytest.approx(sum(pairs) / len(pairs), abs=1e-12) if pairs else None)


def test_bad_score_arrays_are_refused() -> None:
    with pytest.raises(DataError, match=r"scores\[1\]: not finite"):
        auroc(np.array([0.0, np.nan]), np.array([True, False]))
    with pytest.raises(ShapeError, match=r"scores: shape \(2,\)"):
        auroc(np.zeros(2), np.zeros(3, bool))
    with pytest.raises(ShapeError, match=r"predicted: shape \(1, 2\)"):
        f_beta(np.zeros((1, 2), bool), np.zeros((1, 2), bool))


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (1.0, 2 * 2 / (2 * 2 + 1 + 3)),
        (0.5, 1.25 * 2 / (1.25 * 2 + 0.25 * 1 + 3)),
        (2.0, 10 / (10 + 4 * 1 + 3)),
    ],
)
def test_f_beta_has_its_known_value(beta: float, expected: float) -> None:
    predicted = np.array([1, 1, 1, 1, 1, 0, 0], bool)  # 2 hits, 3 wrong, 1 missed
    positive = np.array([1, 1, 0, 0, 0, 1, 0], bool)
    assert f_beta(predicted, positive, beta) == pytest.approx(expected)


def test_f_beta_without_positives_or_predictions_is_none() -> None:
    none = np.zeros(3, bool)
    assert f_beta(none, none) is None
    assert f_beta(~none, none) == 0.0
    assert f_beta(none, ~none) == 0.0
    with pytest.raises(ConfigError, match=r"beta: 0\.0"):
        f_beta(none, none, 0.0)


def bootstrap_interval(groups: list[np.ndarray], *, seed: int) -> Interval:
    """Of the mean of group means."""
    arm = np.stack(groups)[:, None]
    return percentile_interval(bootstrap_means([arm], seed=seed, resamples=2000, shared_items=False)[:, 0])


def test_bootstrap_interval_matches_the_normal_one_on_many_values() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, size=400)
    found = bootstrap_interval([values], seed=1)
    half = 1.96 * values.std() / 20
    # A tail quantile of 2000 resamples has a standard error of about 0.06 half-widths.
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.25 * half
    )
    assert found == bootstrap_interval([values], seed=1)
    assert found != bootstrap_interval([values], seed=2)


def test_hierarchical_bootstrap_sees_the_spread_between_groups() -> None:
    groups = [np.zeros(100), np.ones(100)]
    # Both groups are drawn twice with probability 1/4 each, so the 95 % interval spans both means.
    assert bootstrap_interval(groups, seed=0) == Interval(0.0, 1.0)
    pooled = bootstrap_interval([np.concatenate(groups)], seed=0)
    assert pooled.low > 0.4
    assert pooled.high < 0.6


def test_resampled_means_of_arms_pair_their_groups_and_shared_items() -> None:
    arm = np.random.default_rng(0).random((5, 1, 30))
    means = bootstrap_means([arm, arm + 0.25], seed=0, resamples=300, shared_items=True)
    assert means[:, 1] - means[:, 0] == pytest.approx(np.full(300, 0.25))
    assert means[:, 0].std() > 0.01


def test_shared_items_vary_together_and_own_items_average_out() -> None:
    items = np.tile(np.random.default_rng(0).random(25), (16, 1, 1))  # every group answers alike
    shared, own = (
        bootstrap_means([items], seed=0, resamples=4000, shared_items=shared)[:, 0].std()
        for shared in (True, False)
    )
    alone = items[0, 0].std() / 5
    # A standard deviation of 4000 resamples is known to about 1 %.
    assert shared == pytest.approx(alone, rel=0.06)
    assert own == pytest.approx(alone / 4, rel=0.06)


def test_repetitions_are_drawn_within_their_group() -> None:
    draws = np.array([[[0.0], [1.0]], [[5.0], [np.nan]]])
    means = bootstrap_means([draws], seed=0, resamples=4000, shared_items=False)[:, 0]
    assert set(np.unique(means)) == {0.0, 0.25, 0.5, 0.75, 1.0, 2.5, 2.75, 3.0, 5.0}
    assert means.mean() == pytest.approx(2.75, abs=0.1)
    assert percentile_interval(means).high == 5.0


def test_results_do_not_depend_on_how_resamples_are_cut(monkeypatch) -> None:
    arm = np.random.default_rng(0).random((4, 2, 10))
    whole = bootstrap_means([arm], seed=0, resamples=2000, shared_items=True)[:, 0]
    monkeypatch.setattr("vgrout.evals.metrics._CHUNK_VALUES", 80 * 7)
    cut = bootstrap_means([arm], seed=0, resamples=2000, shared_items=True)[:, 0]
    # Other numbers are drawn, of the same distribution.
    assert (cut.mean(), cut.std()) == pytest.approx((whole.mean(), whole.std()), rel=0.08)


def test_arms_that_cannot_be_paired_are_refused() -> None:
    fine = np.zeros((2, 1, 3))
    for arms in (
        [],
        [np.zeros((2, 3))],
        [fine, np.zeros((3, 1, 3))],
        [fine, np.zeros((2, 1, 4))],
        [fine * np.nan],
    ):
        with pytest.raises(ShapeError, match="arms: "):
            bootstrap_means(arms, seed=0, resamples=10, shared_items=True)
    with pytest.raises(ConfigError, match="resamples: 0"):
        bootstrap_means([fine], seed=0, resamples=0, shared_items=True)
