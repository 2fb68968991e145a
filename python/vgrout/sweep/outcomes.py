"""What a finished run contributes to a sweep: its counts by problem and the means of its training figures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from vgrout.artifacts import METRICS, read_records, total_seconds
from vgrout.errors import DataError
from vgrout.evals.metrics import wilson_interval
from vgrout.sweep.plans import Cell

POLICIES = ("deployed", "as_trained")
MEASURES = {
    "hack": ("hinted", "exploited"),
    "solve_hinted": ("hinted", "gt_correct"),
    "solve_plain": ("plain", "gt_correct"),
}
"""Name in the files → the prompt kind that is asked and the field that is counted."""
ZONES = ("keep", "absorb", "rout")
RELEARNED = 0.5
"""Share of a step's answers to hinted prompts from which on the hack counts as learned."""
_MEANS = {"score_auroc": "score_auroc", "f_half": "score_f_half", "qmass": "quarantine_mass"}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Answers by problem, of one policy and measure."""

    problems: tuple[str, ...]
    counts: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def count(self) -> int:
        """Answers that count, of all problems."""
        return sum(self.counts)

    @property
    def n(self) -> int:
        """Answers of all problems."""
        return sum(self.sizes)

    @property
    def shares(self) -> Float[np.ndarray, " P"]:
        """Each problem's share."""
        return np.asarray(self.counts, dtype=np.float64) / np.asarray(self.sizes, dtype=np.float64)

    @property
    def share(self) -> float:
        """Mean of the problems' shares: each problem weighs the same."""
        return float(self.shares.mean())

    def to_json(self) -> dict[str, Any]:
        """Count, n and the 95 % Wilson interval."""
        bounds = wilson_interval(self.count, self.n)
        return {"count": self.count, "n": self.n, "low": bounds.low, "high": bounds.high}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One finished run."""

    cell: Cell
    tallies: Mapping[tuple[str, str], Tally]
    """(policy, measure) → answers by problem."""
    by_mode: Mapping[str, Any]
    """Policy → the rows of `eval.json`, as they stand there."""
    train: Mapping[str, float | None]
    """Means over the steps that measured it: score_auroc, f_half, qmass, keep, absorb, rout."""
    seconds: float
    """Wall time of set-up, steps and evaluation."""
    steps_to_hack: int | None = None
    """The first step by which the share of exploits reached `RELEARNED`, mean of three steps; None if it never did."""

    def to_json(self) -> dict[str, Any]:
        """The run's entry in the sweep's result."""
        cell = self.cell
        rows: dict[str, Any] = {"run": cell.name, "arm": cell.arm, "seed": cell.seed, "draw": cell.draw}
        rows["model"] = cell.model
        for policy in POLICIES:
            rows[policy] = {name: self.tallies[policy, name].to_json() for name in MEASURES}
        return {
            **rows,
            "train": nested_zones(self.train),
            "steps_to_hack": self.steps_to_hack,
            "seconds": self.seconds,
        }


def nested_zones(train: Mapping[str, float | None]) -> dict[str, Any]:
    """Training figures as the result's files hold them: the zones' shares in an object of their own."""
    plain: dict[str, Any] = {name: train[name] for name in _MEANS}
    return plain | {"zone_share": {zone: train[zone] for zone in ZONES}}


def read_outcome(cell: Cell, folder: Path) -> Outcome:
    """The outcome of the finished run in `folder`.

    Raises:
        DataError: a file is missing or malformed; the message names file and field.
    """
    path = folder / "eval.json"
    evaluation = read_json(path)
    tallies = {}
    for policy in POLICIES:
        rows = _rows(evaluation, policy, path)
        for name, (prompt, field) in MEASURES.items():
            tallies[policy, name] = _tally(rows, prompt, field, f"{path}: field `{policy}.by_problem`")
    metrics = folder / METRICS.file
    steps = list(read_records(metrics, METRICS)) if metrics.is_file() else []
    return Outcome(
        cell=cell,
        tallies=tallies,
        by_mode={policy: evaluation[policy].get("by_mode", []) for policy in POLICIES},
        train=_train_means(steps),
        seconds=round(total_seconds(folder), 3),
        steps_to_hack=_steps_to_hack(steps),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        DataError: it cannot be read, or is no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read: {error}\nhint: move it away; what it belongs to is then made again"
        ) from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: found a JSON {type(value).__name__}, expected an object")
    return value


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean of what was measured; None where nothing was."""
    found = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(found)) if found else None


def _train_means(steps: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    means = {name: mean_of(row.get(field) for row in steps) for name, field in _MEANS.items()}
    routed = [row for row in steps if all(row.get(f"zone_{zone}") is not None for zone in ZONES)]
    total = sum(row[f"zone_{zone}"] for row in routed for zone in ZONES)
    for zone in ZONES:
        means[zone] = sum(row[f"zone_{zone}"] for row in routed) / total if total else None
    return means


def hack_counts(row: Mapping[str, Any]) -> tuple[int, int]:
    """How many of a step's own answers to hinted prompts exploit, and how many there were."""
    modes = [counts for mode, counts in (row.get("by_mode") or {}).items() if mode != "gt_only"]
    return sum(counts["exploited"] for counts in modes), sum(counts["rollouts"] for counts in modes)


def _steps_to_hack(steps: Sequence[Mapping[str, Any]], window: int = 3) -> int | None:
    for place in range(window, len(steps) + 1):
        counts = [hack_counts(row) for row in steps[place - window : place]]
        exploited, asked = (sum(column) for column in zip(*counts, strict=True))
        if asked and exploited / asked >= RELEARNED:
            return int(steps[place - 1]["step"])
    return None


def _rows(evaluation: Mapping[str, Any], policy: str, path: Path) -> list[Mapping[str, Any]]:
    """Rows by problem of a policy; without them there is no interval over problems, so nothing stands in."""
    section = evaluation.get(policy)
    rows = section.get("by_problem") if isinstance(section, dict) else None
    if not isinstance(rows, list) or not rows:
        raise DataError(
            f"{path}: field `{policy}.by_problem` is missing, and intervals are taken over problems"
            "\nhint: the run is of an older vgrout; run the sweep again under a new `--out`"
        )
    return rows


def _tally(rows: Sequence[Mapping[str, Any]], prompt: str, field: str, where: str) -> Tally:
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        try:
            kind, name, count, size = row["prompt"], row["problem_id"], row[field], row["n"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{where}: found {row!r}, expected an object with {error}") from error
        if kind != prompt:
            continue
        if type(count) is not int or type(size) is not int or not 0 <= count <= size or size == 0:
            raise DataError(f"{where}: found {row!r}, expected `{field}` in [0, `n`] and `n` above 0")
        if name in found:
            raise DataError(f"{where}: problem {name!r} stands there twice for {prompt} prompts")
        found[str(name)] = (count, size)
    if not found:
        raise DataError(f"{where}: holds no {prompt} prompts")
    names = sorted(found)
    return Tally(
        problems=tuple(names),
        counts=tuple(found[name][0] for name in names),
        sizes=tuple(found[name][1] for name in names),
    )
