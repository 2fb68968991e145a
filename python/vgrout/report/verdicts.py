"""What a sweep says of itself: its verdict, statistics and arms, with whatever of them its file holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from vgrout.report.counts import MEASURES
from vgrout.report.embed import DASH, code_marks, number, text
from vgrout.report.runs import Sweep
from vgrout.report.strips import estimate_strip
from vgrout.report.tables import fact_table


def verdict_html(sweep: Sweep) -> str:
    """The verdict as the page's first sentence; empty where the sweep has none yet."""
    verdict = sweep.facts.get("verdict")
    if not isinstance(verdict, dict) or not verdict.get("sentence"):
        return ""
    name = f'<p class="verdict-name">{text(verdict["name"])}</p>' if verdict.get("name") else ""
    missing = sweep.facts.get("missing")
    lacks = (
        f'<p class="note"><b>{len(missing)} of the plan\'s runs are missing</b>: {text(", ".join(map(str, missing)))}</p>'
        if isinstance(missing, list) and missing
        else ""
    )
    return f'{name}<p class="finding">{code_marks(verdict["sentence"])}</p>{lacks}'


def statistics_html(sweep: Sweep) -> str:
    """The sweep's statistics, each with its interval, and the rule that was fixed before."""
    rows = [row for row in _objects(sweep.facts.get("statistics")) if row.get("name")]
    rule = sweep.facts.get("rule")
    said = (
        f'<p class="note"><b>The rule was fixed before the runs</b>, in {text(rule)} of the repository.</p>'
        if rule
        else ""
    )
    if not rows:
        return said
    heads = ["Statistic", "Estimate", "95 % interval", "n"]
    cells = [
        [
            f'{text(row["name"])}<br><span class="faint">{text(row.get("meaning") or "")}</span>',
            f"{_strip(row)}{number(row.get('estimate'), 3)}",
            _bounds(row, 3),
            _sizes(row.get("n")),
        ]
        for row in rows
    ]
    return fact_table(heads, cells, "statistics cards") + said


def sweep_arms_html(sweep: Sweep) -> str:
    """The sweep's own table of arms; its intervals are over seeds and answers."""
    arms = [row for row in _objects(sweep.facts.get("arms")) if row.get("arm")]
    rows = [
        [
            text(arm["arm"]),
            POLICIES[policy],
            _sizes(arm.get("runs")),
            *(_cell((arm.get(policy) or {}).get(measure)) for measure in MEASURES),
        ]
        for arm in arms
        for policy in POLICIES
        if isinstance(arm.get(policy), dict)
    ]
    return fact_table(["Arm", "Policy", "Runs", *MEASURES.values()], rows, "sweep-arms cards") if rows else ""


POLICIES = {"deployed": "deployed", "as_trained": "as trained"}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _cell(value: Any) -> str:
    if not isinstance(value, dict):
        return DASH
    middle = value.get("mean", value.get("estimate"))
    count = f' <span class="n">{_sizes(value.get("count"))}/{_sizes(value.get("n"))}</span>'
    return (
        f'<span class="share">{number(_float(middle), 3)}</span> '
        f'<span class="range">{_bounds(value, 3)}</span>{count if value.get("n") is not None else ""}'
    )


def _bounds(row: Mapping[str, Any], digits: int) -> str:
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return DASH
    return f"[{number(_float(low), digits)}, {number(_float(high), digits)}]"


def _strip(row: Mapping[str, Any]) -> str:
    """A picture of a difference and its interval: a share or a p on the same line would be read against 0."""
    estimate, low, high = (_float(row.get(name)) for name in ("estimate", "low", "high"))
    if not row.get("is_difference") or not all(isinstance(value, float) for value in (estimate, low, high)):
        return ""
    return estimate_strip(estimate, (low, high))


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _sizes(value: Any) -> str:
    """A count, or what else stands for one: a list by its length, an object by its parts."""
    if isinstance(value, list):
        return str(len(value))
    if isinstance(value, dict):
        return ", ".join(f"{text(name)} {number(size)}" for name, size in value.items())
    return number(value)


def about(sweep: Sweep) -> Sequence[tuple[str, str]]:
    """Name and value of what identifies the sweep."""
    facts = sweep.facts
    known = (
        ("Sweep", facts.get("sweep")),
        ("Preset", facts.get("preset")),
        ("Commit", facts.get("commit")),
        ("Written", facts.get("created_utc")),
    )
    return [(name, text(value)) for name, value in known if value]
