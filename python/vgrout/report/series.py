"""Values over training steps: of one run, and of an arm's runs together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vgrout.report.arms import Arm
from vgrout.report.counts import HACK, NOTHING, SOLVE_PLAIN, Count, is_whole, mean
from vgrout.report.runs import Run

Row = Mapping[str, Any]
Points = dict[int, float]
"""Step → value."""
ALL_SAMPLED = "sampled"
"""Rollouts of both policies together, where a run does not tell them apart."""


def window(runs: Iterable[Run]) -> int:
    """Steps whose counts are put together to one point: a twentieth of the longest run."""
    return max(1, round(max((len(run.metrics) for run in runs), default=0) / 20))


def policies(runs: Iterable[Run]) -> list[str]:
    """The policies that the metrics tell apart, else `ALL_SAMPLED`."""
    known = {name for run in runs for row in run.metrics for name in row.get("by_policy") or {}}
    return [name for name in ("deployed", "as_trained") if name in known] or [ALL_SAMPLED]


def outcome(row: Row, policy: str, measure: str) -> Count:
    """How often the step's own rollouts of `policy` did what `measure` counts."""
    field = "exploited" if measure == HACK else "gt_correct"
    if policy == ALL_SAMPLED:
        # Prompts without a hint are graded by ground truth alone, and are the only ones that are.
        cells = [
            cell
            for mode, cell in (row.get("by_mode") or {}).items()
            if (mode == "gt_only") == (measure == SOLVE_PLAIN)
        ]
    else:
        kind = "plain" if measure == SOLVE_PLAIN else "hinted"
        cells = [((row.get("by_policy") or {}).get(policy) or {}).get(kind) or {}]
    return sum((_cell_count(cell, field) for cell in cells), NOTHING)


def _cell_count(cell: Any, field: str) -> Count:
    count, n = (cell.get(field), cell.get("rollouts")) if isinstance(cell, dict) else (None, None)
    return Count(count, n) if is_whole(count) and is_whole(n) and 0 <= count <= n else NOTHING


def rates(run: Run, policy: str, measure: str, width: int) -> Points:
    """Share of the measure's rollouts, those of the last `width` steps in one pot."""
    counts = [outcome(row, policy, measure) for row in run.metrics]
    points = {}
    for place, row in enumerate(run.metrics):
        share = sum(counts[max(0, place + 1 - width) : place + 1], NOTHING).share
        if share is not None and counts[place].n:
            points[row["step"]] = share
    return points


def field_values(run: Run, name: str) -> Points:
    """A metric as it stands in the rows."""
    return {row["step"]: float(row[name]) for row in run.metrics if row.get(name) is not None}


def zone_shares(run: Run, zone: str) -> Points:
    """Share of the routed rollouts that went to `zone`."""
    points = {}
    for row in run.metrics:
        sizes = [row.get(f"zone_{name}") or 0 for name in ("keep", "absorb", "rout")]
        if sum(sizes):
            points[row["step"]] = (row.get(f"zone_{zone}") or 0) / sum(sizes)
    return points


def over_runs(
    arm: Arm, values: Callable[[Run], Points]
) -> tuple[list[int], list[float], list[float], list[float], list[int]]:
    """Step, mean, least, greatest and number of runs, at every step that any run has."""
    each = [values(run) for run in arm.runs]
    steps = sorted({step for points in each for step in points})
    columns = [[points[step] for points in each if step in points] for step in steps]
    return (
        steps,
        [mean(column) for column in columns],
        [min(column) for column in columns],
        [max(column) for column in columns],
        [len(column) for column in columns],
    )


def run_mean(run: Run, name: str) -> float | None:
    """Mean over the steps at which a metric was measured."""
    values: Sequence[float] = list(field_values(run, name).values())
    return mean(values) if values else None
