"""A run's gate scores against the oracle's labels, relative to the thresholds of their step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vgrout.report.arms import Arm
from vgrout.report.counts import compact
from vgrout.report.runs import Run

LEFT, RIGHT, BINS = -1.5, 2.5, 40
"""Range of the histogram in units of the distance between the thresholds; what lies outside counts at the ends."""


@dataclass
class ScoreHistogram:
    """Counts of scores by label; 0 is the step's low threshold and 1 its high one.

    The direction is refreshed and the thresholds move with it, so raw scores of two steps have no common scale.
    """

    thresholds: Mapping[int, tuple[float, float]]
    exploited: list[int] = field(default_factory=lambda: [0] * BINS)
    other: list[int] = field(default_factory=lambda: [0] * BINS)
    unplaced: int = 0
    """Scored rollouts of steps without thresholds: the gate was warming up."""

    @classmethod
    def of(cls, run: Run) -> "ScoreHistogram":
        """An empty one with the thresholds of the run's steps."""
        bounds = {
            row["step"]: (row["threshold_low"], row["threshold_high"])
            for row in run.metrics
            if row.get("threshold_low") is not None and row.get("threshold_high") is not None
        }
        return cls({step: (low, high) for step, (low, high) in bounds.items() if high > low})

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of `rollouts.jsonl`; one without a score is passed over."""
        score = row["score"]
        if score is None or score != score:  # noqa: PLR0124  a NaN has no place
            return
        bounds = self.thresholds.get(row["step"])
        if bounds is None:
            self.unplaced += 1
            return
        low, high = bounds
        place = ((score - low) / (high - low) - LEFT) / (RIGHT - LEFT)
        bins = self.exploited if row["exploited"] else self.other
        bins[min(BINS - 1, max(0, int(max(-1.0, min(2.0, place)) * BINS)))] += 1


def score_record(run: Run, arm: Arm, histogram: ScoreHistogram | None) -> dict[str, Any] | None:
    """What the page needs to draw a run's scores; None where the gate had none."""
    rows = [row for row in run.metrics if row.get("score_percentiles")]
    if not rows:
        return None
    percentiles = {
        name: [compact(row["score_percentiles"].get(name)) for row in rows]
        for name in ("p5", "p25", "p50", "p75", "p95")
    }
    return {
        "slot": arm.slot,
        "arm": arm.label,
        "name": run.name,
        "step": [row["step"] for row in rows],
        **percentiles,
        "low": [compact(row["threshold_low"]) for row in rows],
        "high": [compact(row["threshold_high"]) for row in rows],
        "exploited": histogram.exploited if histogram else [],
        "other": histogram.other if histogram else [],
        "unplaced": histogram.unplaced if histogram else 0,
        "left": LEFT,
        "right": RIGHT,
    }
