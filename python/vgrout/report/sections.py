"""The sections of the page, each with its sentence, tables and charts; one without content is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vgrout.report.arms import LABELLED, Arm, base_arm
from vgrout.report.counts import HACK, SOLVE_HINTED, SOLVE_PLAIN
from vgrout.report.embed import text
from vgrout.report.figures import (
    Panel,
    dose_panel,
    metric_panels,
    pareto_panels,
    scale_panels,
    training_panels,
    zone_panels,
)
from vgrout.report.runs import Sweep
from vgrout.report.series import ALL_SAMPLED, policies, window
from vgrout.report.tables import mode_table, provenance_table, result_table, run_table, swatch
from vgrout.report.verdicts import about, statistics_html, sweep_arms_html


def _band(arms: Sequence[Arm]) -> str:
    """What lines and bands are."""
    if all(len(arm.runs) == 1 for arm in arms):
        return "Each arm has one run."
    return "A line is the mean of an arm's runs, the band their least and greatest."


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section; `before` is HTML above the charts."""

    name: str
    title: str
    lead: str = ""
    """HTML of the sentence under the title."""
    before: str = ""
    panels: Sequence[Panel] = field(default_factory=tuple)
    own_panels: Sequence[Panel] = field(default_factory=tuple)
    """Charts whose places stand in `before` already."""
    legend: bool = False
    """Arms' names stand above the charts and switch them on and off."""

    def html(self, arms: Sequence[Arm]) -> str:
        """The section as HTML."""
        lead = f'<p class="lead">{self.lead}</p>' if self.lead else ""
        legend = _legend(arms, self.panels) if self.legend and self.panels else ""
        charts = "".join(_panel_html(panel) for panel in self.panels)
        grid = f'<div class="panels">{charts}</div>' if charts else ""
        return f'<section id="{self.name}"><h2>{text(self.title)}</h2>{lead}{self.before}{legend}{grid}</section>'


def report_sections(
    arms: Sequence[Arm], sweeps: Sequence[Sweep], scores: Sequence[Mapping[str, Any]]
) -> list[Section]:
    """The sections that have something to show, in reading order."""
    sections = [
        results_section(arms, sweeps),
        pareto_section(arms),
        training_section(arms),
        routing_section(arms, scores),
        dose_section(arms),
        scale_section(arms),
        modes_section(arms),
        Section(
            name="rollouts",
            title="Rollouts",
            before='<div id="browser"><noscript>The rollouts need a script.</noscript></div>',
        ),
        provenance_section(arms, sweeps),
    ]
    return [section for section in sections if section is not None]


def results_section(arms: Sequence[Arm], sweeps: Sequence[Sweep]) -> Section | None:
    """What each arm's policies do on held-out problems, then the statistics of the sweep."""
    deployed, as_trained = result_table(arms, "deployed"), result_table(arms, "as_trained")
    several = len(sweeps) > 1
    statistics = "".join(_headed(sweep, statistics_html(sweep), several=several) for sweep in sweeps)
    own = "".join(_headed(sweep, sweep_arms_html(sweep), several=several) for sweep in sweeps)
    if not deployed and not statistics:
        return None
    parts = []
    if deployed:
        parts.append(
            f"<h3>Deployed <small>quarantine ablated, unless the arm deploys it</small></h3>{deployed}"
        )
        parts.append(f"<h3>As trained <small>quarantine on</small></h3>{as_trained}")
        parts.append(
            f"<details><summary>Every run, with its own intervals</summary>{run_table(arms)}</details>"
        )
    if statistics:
        parts.append(f"<h3>Comparisons <small>the sweep's own statistics</small></h3>{statistics}")
    if own:
        parts.append(
            f"<details><summary>The arms as the sweep's own file states them</summary>{own}</details>"
        )
    return Section(
        name="results",
        title="Results",
        lead="Held-out problems. Each dot is one run, the bar the mean of runs; the range is the least and greatest "
        "run, or Wilson's 95 % interval (answers taken as independent) where an arm has one run. Counts are of all runs "
        "together."
        f"{_unfinished(arms)}",
        before="".join(parts),
    )


def _headed(sweep: Sweep, html: str, *, several: bool) -> str:
    """The sweep's own part under its folder's name, where the page is of several sweeps."""
    return f"<h3>{text(sweep.path.parent.name)}</h3>{html}" if several and html else html


def _unfinished(arms: Sequence[Arm]) -> str:
    """A sentence about the runs that the tables cannot show."""
    runs = [run for arm in arms for run in arm.runs]
    left_out = sum(run.deployed is None for run in runs)
    return f" <b>{left_out} of {len(runs)} runs are not evaluated and are left out.</b>" if left_out else ""


def pareto_section(arms: Sequence[Arm]) -> Section | None:
    """Deployed hack against deployed solve."""
    panels = pareto_panels(arms)
    return _if_any(
        panels,
        name="pareto",
        title="Hack against solve",
        lead="The deployed policy of every run. Up and to the left is better; Wilson intervals and counts appear on "
        "pointing at a mark.",
    )


def training_section(arms: Sequence[Arm]) -> Section | None:
    """Hack and solve over steps."""
    runs = [run for arm in arms for run in arm.runs]
    width = window(runs)
    told_apart = policies(runs) != [ALL_SAMPLED]
    lead = f"Rollouts sampled in training, teacher's demonstrations left out. {_band(arms)} "
    lead += f"Each point puts {width} steps together. " if width > 1 else ""
    lead += (
        ""
        if told_apart
        else "These runs do not tell the two policies apart, so the curves are of both together."
    )
    return _if_any(training_panels(arms), name="training", title="Over training", lead=lead)


def routing_section(arms: Sequence[Arm], scores: Sequence[Mapping[str, Any]]) -> Section | None:
    """Where the gate sent rollouts and how well its score knows an exploit."""
    zones = zone_panels(arms)
    quality = metric_panels(
        [
            arm
            for arm in arms
            if any(row.get("score_auroc") is not None for run in arm.runs for row in run.metrics)
        ],
        {"score_auroc": "Score AUROC", "score_f_half": "F0.5 of the rout zone"},
    )
    mass = metric_panels(arms, {"quarantine_mass": "Quarantine's share of the gradient norm"})
    if not (zones or quality or mass):
        return None
    legend = "".join(
        f'<span class="key"><span class="swatch" style="--c: var(--zone-{zone})"></span>{zone}</span>'
        for zone in ("keep", "absorb", "rout")
    )
    before = ""
    if zones:
        charts = "".join(_panel_html(panel) for panel in zones)
        before += f'<h3>Zone shares</h3><p class="legend zones">{legend}</p><div class="panels small">{charts}</div>'
    if scores:
        before += (
            '<h3>Scores of one run</h3><p class="controls"><label>Run <select id="score-run"></select></label></p>'
            '<div class="panels"><figure class="panel"><figcaption>Scores and thresholds over steps '
            "<small>line: median; bands: 25 to 75 % and 5 to 95 %; dashed: thresholds</small></figcaption>"
            '<div class="chart" id="chart-score-time"></div></figure>'
            '<figure class="panel"><figcaption>Scores against the oracle\'s labels '
            '<small id="score-note"></small></figcaption><div class="chart" id="chart-score-histogram"></div></figure></div>'
        )
    before += "<h3>Quality and mass</h3>" if quality or mass else ""
    return Section(
        name="routing",
        title="Routing",
        lead=f"Labels measure the gate here{_who_sees(arms)}. {_band(arms)}",
        before=before,
        panels=[*quality, *mass],
        own_panels=zones,
        legend=True,
    )


def _who_sees(arms: Sequence[Arm]) -> str:
    """Which gates are given the labels that they are measured by."""
    told = [base for base in dict.fromkeys(base_arm(arm.runs[0].config) for arm in arms) if base in LABELLED]
    return (
        f"; of these arms only {' and '.join(told)} are given them"
        if told
        else "; no gate here is given them"
    )


def dose_section(arms: Sequence[Arm]) -> Section | None:
    """Every direction on one axis of dose and response."""
    panel = dose_panel(arms)
    return _if_any(
        [panel] if panel else [],
        name="dose",
        title="Dose and response",
        lead="Is it the direction, or the act of routing? Each mark is one run: how well its direction's score knows an "
        "exploit, against what is left of the hack once deployed. A random direction's sign is luck, so every "
        "draw is shown. Dashed lines are the means of arms that have no score.",
    )


def scale_section(arms: Sequence[Arm]) -> Section | None:
    """How much of the quarantine the hack needs."""
    return _if_any(
        scale_panels(arms),
        name="scale",
        title="Quarantine scale",
        lead="The quarantine multiplied by a number from 0 (deployed) to 1 (as trained) at evaluation. Lines are means "
        "of runs, marks the runs.",
    )


def modes_section(arms: Sequence[Arm]) -> Section | None:
    """Hack and solve by loophole."""
    tables = [
        (f"{title}, {name}", policy, mode_table(arms, policy, prompt, measure))
        for title, prompt, measure in (
            ("Hack on hinted prompts", "hinted", HACK),
            ("Solve on hinted prompts", "hinted", SOLVE_HINTED),
            ("Solve on plain prompts", "plain", SOLVE_PLAIN),
        )
        for policy, name in (("deployed", "deployed"), ("as_trained", "as trained"))
    ]
    if not any(table for *_, table in tables):
        return None
    shown, folded = (
        "".join(f"<h3>{title}</h3>{table}" for title, kind, table in tables if table and kind == wanted)
        for wanted in ("deployed", "as_trained")
    )
    return Section(
        name="modes",
        title="By loophole",
        lead="All runs of an arm together; the tint follows the share.",
        before=f"{shown}<details><summary>The same as trained</summary>{folded}</details>",
    )


def provenance_section(arms: Sequence[Arm], sweeps: Sequence[Sweep]) -> Section:
    """Which runs these are."""
    facts = [item for sweep in sweeps for item in about(sweep)]
    versions = [(name, text(value)) for name, value in _common_versions(arms).items() if name != "schema"]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in (*facts, *versions))
    listing = f'<dl class="facts">{rows}</dl>' if rows else ""
    return Section(name="runs", title="The runs", before=provenance_table(arms) + listing)


def _common_versions(arms: Sequence[Arm]) -> dict[str, str]:
    """Package → its versions over all runs."""
    found: dict[str, dict[str, None]] = {}
    for run in (run for arm in arms for run in arm.runs):
        for name, value in run.versions.items():
            found.setdefault(text(name), {})[str(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}


def _if_any(panels: Sequence[Panel], *, name: str, title: str, lead: str) -> Section | None:
    return Section(name=name, title=title, lead=lead, panels=panels, legend=True) if panels else None


def _panel_html(panel: Panel) -> str:
    note = f" <small>{text(panel.note)}</small>" if panel.note else ""
    return (
        f'<figure class="panel"><figcaption>{text(panel.title)}{note}</figcaption>'
        f'<div class="chart" id="chart-{panel.name}" role="img" aria-label="{text(panel.title)}"></div></figure>'
    )


def _legend(arms: Sequence[Arm], panels: Sequence[Panel]) -> str:
    """Buttons for the arms that the charts show."""
    shown = {trace.get("meta") for panel in panels for trace in panel.traces}
    keys = [
        f'<button type="button" class="key" data-arm="{arm.number}" aria-pressed="true">{swatch(arm)}</button>'
        for arm in arms
        if arm.number in shown
    ]
    return f'<p class="legend">{"".join(keys)}</p>'
