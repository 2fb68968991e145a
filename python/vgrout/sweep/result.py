"""What a sweep concludes, as `NAME.json`: runs, arms, statistics and a verdict."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vgrout.artifacts import write_json_atomic
from vgrout.sweep.comparisons import Runs, Statistic, arm_row
from vgrout.sweep.decision import decide, effect_statistics
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.instrument import Base, Check
from vgrout.sweep.outcomes import RELEARNED, read_outcome
from vgrout.sweep.plans import NONE, Plan
from vgrout.sweep.verdict import NO_VERDICT, Verdict

RULE = "docs/method.md#the-decision-rule"
FEW_SEEDS = 4
"""Below so many, the bootstrap over seeds holds the truth less often than it says (measured: .80 of two, .88 of three)."""


def write_result(folder: SweepFolder, plan: Plan, bases: Mapping[str | None, Base]) -> Path:
    """Write `NAME.json` from the runs that are finished, and return its path.

    Raises:
        DataError: a run's files are malformed, or two runs were asked other problems.
    """
    finished = [cell for cell in plan.cells if (folder.run_path(cell.name) / "eval.json").is_file()]
    outcomes = tuple(read_outcome(cell, folder.run_path(cell.name)) for cell in finished)
    missing = [cell.name for cell in plan.cells if cell not in finished]
    statistics, checks, verdict = _judge(plan, Runs(outcomes), missing, bases)
    commits = list(dict.fromkeys(entry.get("commit") for entry in folder.sessions))
    runs = Runs(outcomes)
    path = folder.path / f"{plan.sweep}.json"
    write_json_atomic(
        path,
        {
            "schema": 1,
            "sweep": plan.sweep,
            "preset": plan.preset,
            "seeds": list(plan.seeds),
            "commit": commits[0] if len(commits) == 1 else None,
            "commits": commits,
            "dirty": any(entry.get("dirty") for entry in folder.sessions),
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "rule": RULE if plan.sweep == "decision" else None,
            "extra": list(plan.extra),
            "missing": missing,
            "runs": [outcome.to_json() for outcome in outcomes],
            "arms": [arm_row(runs, arm) for arm in runs.arms],
            "statistics": [vars(statistic) for statistic in statistics],
            "checks": [vars(check) for check in checks],
            "verdict": vars(verdict),
        },
    )
    return path


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The result as text: arms with their intervals, then the verdict."""
    rows = [
        (
            "arm",
            "runs x answers",
            "deployed hack",
            "deployed solve, hinted",
            "solve, plain",
            "as-trained hack",
        )
    ]
    for arm in result["arms"]:
        deployed, trained = arm["deployed"], arm["as_trained"]
        means = (deployed["hack"], deployed["solve_hinted"], deployed["solve_plain"], trained["hack"])
        answers = deployed["hack"]["n"] // arm["runs"]
        rows.append((arm["arm"], f"{arm['runs']} x {answers}", *map(_mean, means)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    verdict = result["verdict"]
    name = verdict["name"] if verdict["name"] == NO_VERDICT else f"verdict: {verdict['name']}"
    seeds = min((arm["seeds"] for arm in result["arms"]), default=0)
    narrow = f"; of {seeds} seed{'s' * (seeds > 1)} it is too narrow" if seeds < FEW_SEEDS else ""
    return [
        f"means over seeds [95 % hierarchical bootstrap interval{narrow}]",
        *table,
        *_relearning_lines(result["arms"]),
        *_missing_lines(result),
        f"{name}. {verdict['sentence']}",
    ]


def _missing_lines(result: Mapping[str, Any]) -> list[str]:
    missing = result["missing"]
    if not missing:
        return []
    count = len(result["runs"]) + len(missing)
    return [f"{len(missing)} of {count} runs are missing, so no arm of theirs is whole: {', '.join(missing)}"]


def _relearning_lines(arms: Sequence[Mapping[str, Any]]) -> list[str]:
    """Steps until the hack is back, where a study asks for it: beside plain training from the base."""
    if not any(arm["arm"].startswith("relearning") for arm in arms):
        return []
    lines = [
        f"steps until {RELEARNED:.0%} of the answers to hinted prompts exploit, mean of three steps, by run:"
    ]
    for arm in arms:
        if arm["arm"] == NONE or arm["arm"].startswith("relearning"):
            steps = ", ".join("never" if value is None else str(value) for value in arm["steps_to_hack"])
            lines.append(f"  {arm['arm']}: {steps}")
    return lines


def _mean(value: Mapping[str, Any]) -> str:
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _judge(
    plan: Plan, runs: Runs, missing: Sequence[str], bases: Mapping[str | None, Base]
) -> tuple[Sequence[Statistic], Sequence[Check], Verdict]:
    """What the sweep of that name says: only a decision has the rule's verdict."""
    if plan.sweep == "decision":
        decision = decide(runs, missing, bases)
        said = f"{decision.verdict.sentence} Every run was given {shlex.join(plan.extra)}."
        verdict = replace(decision.verdict, sentence=said) if plan.extra else decision.verdict
        return decision.statistics, decision.checks, verdict
    if plan.sweep == "first-effect":
        statistics = tuple(effect_statistics(runs)) if runs.outcomes else ()
        return statistics, (), _first_effect(statistics)
    sentence = "These runs describe how the effect depends on its settings; `vgrout sweep decision` decides."
    return (), (), Verdict(name=NO_VERDICT, sentence=sentence)


def _first_effect(statistics: Sequence[Statistic]) -> Verdict:
    found = next((s for s in statistics if s.estimate is not None and s.low is not None), None)
    figures = (
        "No seed has both a random direction and routeA."
        if found is None
        else f"Haar minus routeA is {found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}] of the deployed hack "
        f"share over {found.n} seed{'s' * (found.n > 1)}."
    )
    return Verdict(name=NO_VERDICT, sentence=f"{figures} This is no decision; run `vgrout sweep decision`.")
