"""What the charts show, as traces for Plotly; colours are names (`@arm-3`) that the page resolves by its theme."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from vgrout.report.arms import HAAR, Arm
from vgrout.report.counts import HACK, MEASURES, SOLVE_HINTED, SOLVE_PLAIN, Count, compact, mean, shares
from vgrout.report.embed import DASH, TIMES
from vgrout.report.runs import PolicyResult, Run
from vgrout.report.series import (
    ALL_SAMPLED,
    Points,
    field_values,
    over_runs,
    policies,
    rates,
    run_mean,
    window,
    zone_shares,
)

POLICY_NAMES = {"deployed": "deployed", "as_trained": "as trained", ALL_SAMPLED: "both policies"}
Trace = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart with its caption."""

    name: str
    """Unique among the charts; the chart's element is `chart-NAME`."""
    title: str
    note: str = ""
    traces: list[Trace]
    x: str
    """Title of the x axis."""
    y: str = ""
    layout: dict[str, Any] = field(default_factory=dict)
    """What differs from the page's layout."""


def training_panels(arms: Sequence[Arm]) -> list[Panel]:
    """Hack and solve of the sampled rollouts over steps, by policy where the metrics tell them apart."""
    runs = [run for arm in arms for run in arm.runs]
    width = window(runs)
    panels = []
    for policy in policies(runs):
        for measure, title in MEASURES.items():

            def values(run: Run, policy: str = policy, measure: str = measure) -> Points:
                return rates(run, policy, measure, width)

            traces = _bands(arms, values)
            if traces:
                panels.append(
                    Panel(
                        name=f"training-{policy}-{measure}",
                        title=f"{title} · {POLICY_NAMES[policy]}",
                        traces=traces,
                        x="step",
                        layout={"yaxis": {"range": [-0.02, 1.02]}},
                    )
                )
    return panels


def metric_panels(arms: Sequence[Arm], names: dict[str, str], *, unit: bool = True) -> list[Panel]:
    """One panel for each metric (name → title) that any run measured; `unit` fixes the axis to [0, 1]."""
    panels = []
    for name, title in names.items():

        def values(run: Run, name: str = name) -> Points:
            return field_values(run, name)

        traces = _bands(arms, values)
        if traces:
            layout = {"yaxis": {"range": [-0.02, 1.02]}} if unit else {}
            panels.append(Panel(name=f"metric-{name}", title=title, traces=traces, x="step", layout=layout))
    return panels


def zone_panels(arms: Sequence[Arm]) -> list[Panel]:
    """Stacked zone shares of each arm that uses more than one zone."""
    panels: list[Panel] = []
    for arm in arms:
        columns = {zone: over_runs(arm, _zone(zone)) for zone in ("keep", "absorb", "rout")}
        used = [zone for zone, column in columns.items() if any(column[1])]
        if len(used) < 2:
            continue
        traces: list[Trace] = [
            {
                "type": "scatter",
                "mode": "lines",
                "name": zone,
                "x": column[0],
                "y": [compact(value) for value in column[1]],
                "stackgroup": "zones",
                "line": {"width": 0.5, "color": f"@zone-{zone}"},
                "fillcolor": f"@zone-{zone}",
                "hovertemplate": f"step %{{x}}: {zone} %{{y:.2f}}<extra></extra>",
            }
            for zone, column in columns.items()
        ]
        panels.append(
            Panel(
                name=f"zones-{len(panels)}",
                title=arm.label,
                note=f"mean of {len(arm.runs)} runs" if len(arm.runs) > 1 else "one run",
                traces=traces,
                x="step",
                layout={"yaxis": {"range": [0, 1]}},
            )
        )
    return panels


def _zone(zone: str) -> Callable[[Run], Points]:
    return lambda run: zone_shares(run, zone)


def pareto_panels(arms: Sequence[Arm]) -> list[Panel]:
    """Deployed hack against deployed solve, a mark for every run."""
    panels: list[Panel] = []
    for measure in (SOLVE_HINTED, SOLVE_PLAIN):
        traces = []
        for arm in arms:
            done = [(run, run.deployed.measures) for run in arm.runs if run.deployed is not None]
            points = [(run, values) for run, values in done if values[HACK].n and values[measure].n]
            if points:
                traces.append(
                    _marks(
                        arm,
                        [values[HACK].share for _, values in points],
                        [values[measure].share for _, values in points],
                        [
                            f"{_run_name(run)}<br>hack {_said(values[HACK])}<br>solve {_said(values[measure])}"
                            for run, values in points
                        ],
                    )
                )
        if traces:
            kind = "hinted" if measure == SOLVE_HINTED else "plain"
            panels.append(
                Panel(
                    name=f"pareto-{kind}",
                    title=f"Solve on {kind} prompts",
                    traces=traces,
                    x="deployed hack, hinted prompts",
                    y=f"deployed solve, {kind}",
                    layout={
                        "xaxis": {"range": [-0.03, 1.03]},
                        "yaxis": {"range": [-0.03, 1.03]},
                        "hovermode": "closest",
                        "height": 340,
                    },
                )
            )
    return panels


def scale_panels(arms: Sequence[Arm]) -> list[Panel]:
    """Hack and solve with part of the quarantine kept, from none of it (deployed) to all of it (as trained)."""
    panels = []
    for measure, title in MEASURES.items():
        traces: list[Trace] = []
        for arm in arms:
            runs = [run for run in arm.runs if run.scales]
            if not runs:
                continue

            curves = [(run, _scale_counts(run, measure)) for run in runs]
            scales = sorted({scale for _, curve in curves for scale in curve})
            means = [mean(shares(curve[s] for _, curve in curves if s in curve)) for s in scales]
            dots = [(run, scale, count) for run, curve in curves for scale, count in curve.items()]
            traces.append(_line(arm, scales, means, f"quarantine {TIMES} %{{x}}: mean %{{y:.2f}}"))
            marks = _marks(
                arm,
                [scale for _, scale, _ in dots],
                [count.share for _, _, count in dots],
                [f"{_run_name(run)}<br>{TIMES} {scale:g}: {_said(count)}" for run, scale, count in dots],
            )
            marks["marker"] |= {"size": 6, "opacity": 0.7}
            traces.append(marks)
        if traces:
            panels.append(
                Panel(
                    name=f"scale-{measure}",
                    title=title,
                    traces=traces,
                    x="share of the quarantine kept",
                    layout={
                        "xaxis": {"range": [-0.03, 1.03]},
                        "yaxis": {"range": [-0.03, 1.03]},
                        "hovermode": "closest",
                    },
                )
            )
    return panels


def _scale_counts(run: Run, measure: str) -> dict[float, Count]:
    """Scale → count; the ends are the deployed and the as-trained evaluation where no file of theirs is there."""
    results: dict[float, PolicyResult] = dict(run.scales)
    if run.deployed is not None and run.deployed.ablated:
        results.setdefault(0.0, run.deployed)
    if run.as_trained is not None and run.as_trained.ablated is False:
        results.setdefault(1.0, run.as_trained)
    counts = {scale: result.measures[measure] for scale, result in sorted(results.items())}
    return {scale: count for scale, count in counts.items() if count.n}


def dose_panel(arms: Sequence[Arm]) -> Panel | None:
    """Mean score AUROC against deployed hack, a mark for every run that has scores."""
    traces = []
    for arm in arms:
        points = []
        for run in arm.runs:
            auroc = run_mean(run, "score_auroc")
            hack = run.deployed.measures[HACK] if run.deployed is not None else None
            if auroc is not None and hack is not None and hack.n:
                points.append((run, auroc, hack))
        if points:
            texts = [
                f"{_run_name(run)}<br>AUROC {auroc:.3f} (mean of {len(field_values(run, 'score_auroc'))} steps)"
                f"<br>deployed hack {_said(hack)}"
                for run, auroc, hack in points
            ]
            traces.append(
                _marks(arm, [auroc for _, auroc, _ in points], [hack.share for *_, hack in points], texts)
            )
    if not traces:
        return None
    return Panel(
        name="dose",
        title="Score AUROC against deployed hack",
        traces=traces,
        x="score AUROC, mean over steps",
        y="deployed hack, hinted",
        layout={
            "xaxis": {"range": [0, 1.02]},
            "yaxis": {"range": [-0.03, 1.03]},
            "hovermode": "closest",
            "height": 360,
            "shapes": [_chance_line(), *_reference_lines(arms)],
        },
    )


def _chance_line() -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": 0.5,
        "x1": 0.5,
        "y0": 0,
        "y1": 1,
        "line": {"color": "@muted", "width": 1, "dash": "dot"},
        "label": {
            "text": " chance",
            "textposition": "end",
            "textangle": 0,
            "xanchor": "left",
            "yanchor": "top",
            "font": {"color": "@muted", "size": 11},
        },
    }


def _reference_lines(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Where arms without a score end: nothing routed, everything absorbed, labels routed."""
    lines = []
    for label, anchor in (("none", "bottom"), ("absorb", "top"), ("oracle", "bottom")):
        for arm in (arm for arm in arms if arm.label == label):
            found = shares(run.deployed.measures[HACK] for run in arm.runs if run.deployed is not None)
            if found:
                lines.append(_level(arm, mean(found), anchor))
    return lines


def _level(arm: Arm, height: float, anchor: str) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": compact(height),
        "y1": compact(height),
        "line": {"color": f"@arm-{arm.slot}", "width": 1.3, "dash": "dash"},
        "label": {
            "text": f" {escape(arm.label)} {height:.2f}",
            "textposition": "start",
            "xanchor": "left",
            "yanchor": anchor,
            "font": {"color": f"@arm-{arm.slot}", "size": 11},
        },
    }


def _bands(arms: Sequence[Arm], values: Callable[[Run], Points]) -> list[Trace]:
    """For each arm the mean of its runs as a line, and their least and greatest as a band."""
    bands: list[Trace] = []
    lines: list[Trace] = []
    for arm in arms:
        steps, means, low, high, runs = over_runs(arm, values)
        if not steps:
            continue
        if max(runs) > 1:
            bands.append(
                {
                    "type": "scatter",
                    "x": [*steps, *reversed(steps)],
                    "y": [compact(value, 3) for value in (*high, *reversed(low))],
                    "fill": "toself",
                    "mode": "lines",
                    "line": {"width": 0},
                    "fillcolor": f"@arm-{arm.slot}/0.14",
                    "hoverinfo": "skip",
                    "meta": arm.number,
                }
            )
        said = "%{y:.2f}"
        if max(runs) > 1:
            said += f" (%{{customdata[0]:.2f}}{DASH}%{{customdata[1]:.2f}}, %{{customdata[2]}} runs)"
        line = _line(arm, steps, means, said)
        line["customdata"] = [
            [compact(lowest, 3), compact(highest, 3), count]
            for lowest, highest, count in zip(low, high, runs, strict=True)
        ]
        lines.append(line)
    return bands + lines


def _line(arm: Arm, x: Sequence[float], y: Sequence[float], said: str) -> Trace:
    # One measured step is no line; a mark shows that it is there.
    return {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "name": escape(arm.label),
        "x": list(x),
        "y": [compact(value) for value in y],
        "line": {"color": f"@arm-{arm.slot}", "width": 2, "dash": arm.dash},
        "marker": {"color": f"@arm-{arm.slot}", "symbol": arm.symbol, "size": 7},
        "meta": arm.number,
        "hovertemplate": f"{escape(arm.label)}: {said}<extra></extra>",
    }


def _marks(arm: Arm, x: Sequence[float | None], y: Sequence[float | None], texts: list[str]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escape(arm.label),
        "x": [compact(value) for value in x],
        "y": [compact(value) for value in y],
        "text": texts,
        "marker": {
            "color": f"@arm-{arm.slot}",
            "symbol": arm.symbol,
            "size": 10,
            "opacity": 0.85,
            "line": {"color": "@page", "width": 1},
        },
        "meta": arm.number,
        "hovertemplate": f"<b>{escape(arm.label)}</b><br>%{{text}}<extra></extra>",
    }


def _run_name(run: Run) -> str:
    draw = "" if run.draw is None else f", {HAAR.removesuffix('s')} {run.draw}"
    return f"{escape(run.name)}<br>seed {run.seed}{draw}"


def _said(count: Count) -> str:
    low, high = count.interval
    return f"{count.share:.3f} [{low:.3f}, {high:.3f}], {count.count}/{count.n}"
