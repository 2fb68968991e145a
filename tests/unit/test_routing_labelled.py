"""Labelled gates: errors of a given precision and recall, and labels in a random order."""

import numpy as np
import pytest
import torch

from vgrout.errors import DataError
from vgrout.routing import OracleGate, OracleScored, Scored, label_scored
from vgrout.routing.gates import ROUT
from vgrout.routing.shuffled import ShuffledGate


class Labels:
    def __init__(self, exploited):
        self.exploited = np.asarray(exploited, dtype=bool)


def labelled(exploited) -> OracleScored:
    rows = len(exploited)
    return label_scored(
        Scored(pooled=torch.zeros(rows, 1, 1)), Labels(exploited), torch.zeros(rows, dtype=torch.bool)
    )


def routed(gate, exploited) -> np.ndarray:
    return (gate.route(labelled(exploited)).zones == ROUT).numpy()


EXPLOITED = np.arange(400) < 80


def test_shuffled_labels_route_as_many_rows_and_know_nothing():
    gate = ShuffledGate(OracleGate(), seed=3)
    hits = 0
    for _ in range(50):
        found = routed(gate, EXPLOITED)
        assert found.sum() == 80
        hits += int((found & EXPLOITED).sum())
    # 80 of 400 at random hit 16 on average; the standard deviation of 50 such draws' mean is below .5.
    assert hits / 50 == pytest.approx(16, abs=2.5)


def test_a_resumed_shuffle_deals_as_the_uninterrupted_one():
    gate, resumed = ShuffledGate(OracleGate(), seed=1), ShuffledGate(OracleGate(), seed=1)
    routed(gate, EXPLOITED)
    resumed.load_state_dict(gate.state_dict())
    assert np.array_equal(routed(gate, EXPLOITED), routed(resumed, EXPLOITED))
    assert not np.array_equal(routed(gate, EXPLOITED), routed(ShuffledGate(OracleGate(), seed=2), EXPLOITED))


@pytest.mark.parametrize(("precision", "recall"), [(1.0, 0.5), (0.5, 1.0), (0.25, 0.75), (0.9, 0.9)])
def test_a_noisy_oracle_has_the_precision_and_recall_asked_for(precision, recall):
    gate = OracleGate(precision=precision, recall=recall, seed=0)
    found = np.concatenate([routed(gate, EXPLOITED) for _ in range(60)])
    truth = np.tile(EXPLOITED, 60)
    # Both are shares of thousands of independent draws: .02 is more than three standard deviations.
    assert found[truth].mean() == pytest.approx(recall, abs=0.02)
    assert truth[found].mean() == pytest.approx(precision, abs=0.02)


def test_without_errors_nothing_is_drawn_or_remembered():
    gate = OracleGate()
    assert np.array_equal(routed(gate, EXPLOITED), EXPLOITED)
    assert gate.state_dict() == {}
    with pytest.raises(DataError, match="belongs to another arm"):
        gate.load_state_dict({"buffer": 1})


def test_a_resumed_noisy_oracle_errs_as_the_uninterrupted_one():
    gate, resumed = OracleGate(recall=0.5), OracleGate(recall=0.5)
    routed(gate, EXPLOITED)
    resumed.load_state_dict(gate.state_dict())
    assert np.array_equal(routed(gate, EXPLOITED), routed(resumed, EXPLOITED))
