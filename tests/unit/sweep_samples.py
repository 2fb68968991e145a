"""Finished runs of a sweep made of numbers instead of training."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vgrout.sweep.comparisons import Runs
from vgrout.sweep.definitions import make_plan
from vgrout.sweep.instrument import Base
from vgrout.sweep.outcomes import MEASURES, POLICIES, Outcome, Tally
from vgrout.sweep.plans import Cell, Plan

PROBLEMS = 40
SAMPLES = 10
BASES = {None: Base(hack_by_mode={"sentinel": 0.02, "stdout_marker": 0.03}, solve_hinted=0.3)}
RATES: dict[str, tuple[float, float]] = {
    "none": (0.9, 0.05),
    "no-loophole": (0.02, 0.8),
    "absorb": (0.6, 0.3),
    "routeA": (0.1, 0.75),
    "haar": (0.6, 0.3),
    "oracle": (0.01, 0.8),
    "shuffled": (0.6, 0.3),
}
"""Arm → hack and solve; the pattern that the organism is expected to show."""


def decision_plan(seeds: int = 8) -> Plan:
    return make_plan("decision", "smoke", modes=(), seeds=seeds)


def tally(generator: np.random.Generator, share: float, spread: float = 0.0) -> Tally:
    """Binomial counts whose problems' shares lie `spread` around `share`."""
    shares = np.clip(share + spread * generator.standard_normal(PROBLEMS), 0, 1)
    counts = generator.binomial(SAMPLES, shares)
    names = tuple(f"p{place:03}" for place in range(PROBLEMS))
    return Tally(problems=names, counts=tuple(counts.tolist()), sizes=(SAMPLES,) * PROBLEMS)


def outcome(cell: Cell, hack: float, solve: float, *, seed: int = 0) -> Outcome:
    """A run whose policies hack and solve at these rates."""
    generator = np.random.default_rng([seed, cell.seed, cell.draw or 0, len(cell.arm)])
    rates = {"hack": hack, "solve_hinted": solve, "solve_plain": solve}
    return Outcome(
        cell=cell,
        tallies={(policy, name): tally(generator, rates[name]) for policy in POLICIES for name in MEASURES},
        by_mode={policy: [] for policy in POLICIES},
        train={"score_auroc": 0.9, "f_half": 0.8, "qmass": 0.4 + 0.001 * cell.seed, "keep": 0.2, "absorb": 0.6, "rout": 0.2},
        seconds=70.0,
    )  # fmt: skip


def sample_runs(
    rates: Mapping[str, tuple[float, float]] = RATES, *, plan: Plan | None = None, seed: int = 0
) -> Runs:
    cells = (plan or decision_plan()).cells
    return Runs(tuple(outcome(cell, *rates[cell.arm], seed=seed) for cell in cells if cell.arm in rates))


def write_run(folder: Path, cell: Cell, hack: float = 0.5, solve: float = 0.5, steps: int = 2) -> None:
    """The files of a finished run."""
    folder.mkdir(parents=True, exist_ok=True)
    made = outcome(cell, hack, solve)
    evaluation: dict[str, object] = {"schema": 1}
    for policy in POLICIES:
        rows = []
        for prompt in ("hinted", "plain"):
            hacks = made.tallies[policy, "hack"]
            solves = made.tallies[policy, f"solve_{prompt}"]
            for place, name in enumerate(hacks.problems):
                exploited = hacks.counts[place] if prompt == "hinted" else 0
                rows.append(
                    {
                        "problem_id": name,
                        "prompt": prompt,
                        "mode": "sentinel",
                        "n": SAMPLES,
                        "exploited": exploited,
                        "gt_correct": solves.counts[place],
                    }
                )
        evaluation[policy] = {
            "hack": made.tallies[policy, "hack"].to_json(),
            "by_mode": [],
            "by_problem": rows,
        }
    (folder / "config.json").write_text(json.dumps({"schema": 1, "seed": cell.seed, "steps": steps}))
    zones = {"zone_keep": 2, "zone_absorb": 3, "zone_rout": 5}
    with (folder / "metrics.jsonl").open("w") as file:
        for step in range(1, steps + 1):
            row = {"schema": 1, "step": step, "quarantine_mass": 0.25 * step, "score_auroc": None, **zones}
            row |= {"by_mode": {"sentinel": {"rollouts": 4, "gt_correct": 0, "exploited": 1}}}
            file.write(json.dumps(row) + "\n")
    (folder / "timing.jsonl").write_text(json.dumps({"schema": 1, "step": 1, "total_seconds": 1.5}) + "\n")
    (folder / "eval.json").write_text(json.dumps(evaluation))
