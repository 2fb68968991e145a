"""A stratified sample of rollouts that fits in a page, and the prompts they answer."""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vgrout.artifacts import ROLLOUTS
from vgrout.report.arms import Arm
from vgrout.report.counts import compact
from vgrout.report.embed import json_for_script
from vgrout.report.runs import Run, prompts, rollouts
from vgrout.report.scores import ScoreHistogram

ANSWER_CHARACTERS, PROMPT_CHARACTERS = 16_000, 12_000
ANSWER_BYTES, PROMPT_BYTES = 9 << 20, 4 << 20
"""Room in the page, as escaped JSON: with Plotly's 5 MB it stays below 25."""
STEP_PARTS = 4
STRATA = "run, quarter of the training, mode, zone and label"
_COPIED = (
    "step", "problem_id", "mode", "hackable", "ablated", "source", "marker", "outcome", "label", "zone",
    "gt_correct", "channel", "exploited", "can_compile", "tests_passed", "tests_total", "completion_tokens",
)  # fmt: skip


@dataclass
class RolloutSample:
    """What the browser shows, and of how much."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    """Rollouts that the runs hold."""
    prompts: list[dict[str, Any]] = field(default_factory=list)
    """Each text once; a row names its place in `prompt`."""
    runs_without_prompts: int = 0
    prompts_left_out: int = 0
    """Rows whose prompt found no room."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {
            "rows": self.rows,
            "total": self.total,
            "prompts": self.prompts,
            "runs_without_prompts": self.runs_without_prompts,
            "prompts_left_out": self.prompts_left_out,
            "strata": STRATA,
        }


def sample_rollouts(
    arms: Sequence[Arm], size: int, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> tuple[RolloutSample, dict[str, ScoreHistogram]]:
    """About `size` rollouts, spread evenly over `STRATA`, and the score histogram of every run by its name.

    Each run's file is read once for keys and scores and once for the texts that were chosen, so that a sweep larger
    than memory is no trouble. Equal runs give an equal sample.
    """
    runs = [(arm, run) for arm in arms for run in arm.runs]
    sample, histograms = RolloutSample(), {}
    shelf = _PromptShelf(sample)
    quota, room = max(1, size // max(1, len(runs))), ANSWER_BYTES // max(1, len(runs))
    for number, (arm, run) in enumerate(runs):
        if progress is not None:
            progress(number, len(runs))
        histograms[run.name] = ScoreHistogram.of(run)
        strata = _strata(run, histograms[run.name])
        found = sum(map(len, strata.values()))
        sample.total += found
        if not found:
            continue
        chosen = _round_robin(strata, quota, random.Random(f"{seed}:{run.name}"))  # noqa: S311  a sample
        shown = prompts(run)
        sample.runs_without_prompts += not shown
        rows = _lines(run, chosen)
        for line in _fitting(rows, chosen, room):
            entry = _entry(rows[line], run, arm)
            entry["prompt"] = shelf.place(shown.get((entry["problem_id"], entry["hackable"])))
            entry["run"] = number
            sample.rows.append(entry)
    return sample, histograms


def _strata(run: Run, histogram: ScoreHistogram) -> dict[tuple[Any, ...], list[int]]:
    """Stratum → line numbers; every scored row is counted in `histogram`."""
    last = max(1, len(run.metrics))
    strata: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for line, row in enumerate(rollouts(run)):
        histogram.add(row)
        part = min(STEP_PARTS - 1, (row["step"] - 1) * STEP_PARTS // last)
        key = (part, row["mode"], row["zone"] or "", row["label"] or "")
        strata[key].append(line)
    return strata


def _round_robin(
    strata: Mapping[tuple[Any, ...], list[int]], quota: int, generator: random.Random
) -> list[int]:
    """`quota` lines: one of each stratum in turn, strata and lines in random order, until none is left."""
    piles = [generator.sample(lines, len(lines)) for _, lines in sorted(strata.items())]
    generator.shuffle(piles)
    chosen: list[int] = []
    while piles and len(chosen) < quota:
        for pile in piles:
            chosen.append(pile.pop())
            if len(chosen) == quota:
                break
        piles = [pile for pile in piles if pile]
    return chosen


def _lines(run: Run, chosen: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Line number → row of the lines that were chosen."""
    wanted = set(chosen)
    path = run.path / ROLLOUTS.file
    with path.open("rb") as file:
        return {
            number: ROLLOUTS.decode(json.loads(line), f"{path}:{number + 1}")
            for number, line in enumerate(file)
            if number in wanted
        }


def _fitting(rows: Mapping[int, Mapping[str, Any]], chosen: Sequence[int], room: int) -> list[int]:
    """As many of the lines as have room, taken in the order of choice and given in that of the file."""
    kept, used = [], 0
    # A run that is resumed meanwhile may have dropped its last rows.
    for line in (line for line in chosen if line in rows):
        used += len(json_for_script((rows[line]["completion"] or "")[:ANSWER_CHARACTERS]))
        if used > room:
            break
        kept.append(line)
    return sorted(kept)


def _entry(row: Mapping[str, Any], run: Run, arm: Arm) -> dict[str, Any]:
    text = row["completion"] or ""
    return {
        **{name: row[name] for name in _COPIED},
        "arm": arm.slot,
        "arm_name": arm.label,
        "seed": run.seed,
        "reward": compact(row["reward"]),
        "advantage": compact(row["advantage"]),
        "score": _finite(row["score"]),
        "completion": text[:ANSWER_CHARACTERS],
        "cut": max(0, len(text) - ANSWER_CHARACTERS),
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or value != value or abs(value) == float("inf") else compact(value)  # noqa: PLR0124


class _PromptShelf:
    """Prompts of the page, each text once, as long as there is room."""

    def __init__(self, sample: RolloutSample) -> None:
        self._sample = sample
        self._places: dict[tuple[str, str], int] = {}
        self._used = 0

    def place(self, row: Mapping[str, Any] | None) -> int | None:
        """Where the prompt lies in `sample.prompts`; None where there is none or no room."""
        if row is None:
            return None
        entry = {"text": row["prompt"][:PROMPT_CHARACTERS], "hint": (row["hint"] or "")[:PROMPT_CHARACTERS]}
        key = (entry["text"], entry["hint"])
        if key not in self._places:
            size = len(json_for_script(entry))
            if self._used + size > PROMPT_BYTES:
                self._sample.prompts_left_out += 1
                return None
            self._used += size
            self._places[key] = len(self._sample.prompts)
            self._sample.prompts.append(entry)
        return self._places[key]
