"""What a sweep concludes, as `NAME.json`: runs, arms, statistics and a verdict."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vgrout.artifacts import write_json_atomic
from vgrout.sweep.comparisons import Runs, Statistic, arm_row
from vgrout.sweep.decision import decide, effect_statistics
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.instrument import Base, Check
from vgrout.sweep.outcomes import read_outcome
from vgrout.sweep.plans import Plan
from vgrout.sweep.verdict import NO_VERDICT, Verdict

RULE = "docs/method.md#the-decision-rule"


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
            "rule": RULE,
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
    rows = [("arm", "runs", "deployed hack", "deployed solve, hinted", "solve, plain", "as-trained hack")]
    for arm in result["arms"]:
        deployed, trained = arm["deployed"], arm["as_trained"]
        means = (deployed["hack"], deployed["solve_hinted"], deployed["solve_plain"], trained["hack"])
        rows.append((arm["arm"], str(arm["runs"]), *map(_mean, means)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    verdict = result["verdict"]
    name = verdict["name"] if verdict["name"] == NO_VERDICT else f"verdict: {verdict['name']}"
    return [
        "means over seeds [95 % hierarchical bootstrap interval]",
        *table,
        f"{name}. {verdict['sentence']}",
    ]


def _mean(value: Mapping[str, Any]) -> str:
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _judge(
    plan: Plan, runs: Runs, missing: Sequence[str], bases: Mapping[str | None, Base]
) -> tuple[Sequence[Statistic], Sequence[Check], Verdict]:
    """What the sweep of that name says: only a decision has the rule's verdict."""
    if plan.sweep == "decision":
        decision = decide(runs, missing, bases)
        return decision.statistics, decision.checks, decision.verdict
    if plan.sweep == "first-effect":
        statistics = tuple(effect_statistics(runs)) if runs.outcomes else ()
        return statistics, (), _first_effect(plan, statistics)
    sentence = "These runs describe how the effect depends on its settings; `vgrout sweep decision` decides."
    return (), (), Verdict(name=NO_VERDICT, sentence=sentence)


def _first_effect(plan: Plan, statistics: Sequence[Statistic]) -> Verdict:
    found = next((s for s in statistics if s.estimate is not None and s.low is not None), None)
    figures = (
        ""
        if found is None
        else f"Haar minus routeA is {found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}] of the deployed hack "
        f"share over {found.n} seeds. "
    )
    return Verdict(
        name=NO_VERDICT,
        sentence=f"{figures}This is {len(plan.seeds)} seeds and no decision; run `vgrout sweep decision`.",
    )
