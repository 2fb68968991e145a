"""The page: sections in order, style and scripts inlined, written whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from vgrout.artifacts import SWEEP_PLAN
from vgrout.errors import ConfigError
from vgrout.report.arms import Arm
from vgrout.report.counts import HACK, mean, shares
from vgrout.report.embed import json_for_script, text
from vgrout.report.figures import Panel
from vgrout.report.runs import Run, Sweep, read_object
from vgrout.report.sections import Section
from vgrout.report.tables import results, swatch
from vgrout.report.verdicts import verdict_html


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that stands in the page."""

    title: str
    arms: Sequence[Arm]
    sweeps: Sequence[Sweep]
    sections: Sequence[Section]
    scores: Sequence[Mapping[str, Any]]
    rollouts: Mapping[str, Any]
    written: datetime

    def html(self) -> str:
        """The page as one file that asks for nothing else.

        Raises:
            ConfigError: Plotly's script is not installed.
        """
        panels = [panel for section in self.sections for panel in (*section.own_panels, *section.panels)]
        data = {
            "panels": {panel.name: _figure(panel) for panel in panels},
            "scores": self.scores,
            "rollouts": self.rollouts,
        }
        return Template(_asset("template.html")).substitute(
            title=text(self.title),
            style=_asset("report.css"),
            head=self._head(),
            contents="".join(
                f'<li><a href="#{section.name}">{text(section.title)}</a></li>' for section in self.sections
            ),
            sections="".join(section.html(self.arms) for section in self.sections),
            data=json_for_script(data),
            plotly=_plotly(),
            script=_asset("charts.js") + _asset("rollouts.js"),
        )

    def _head(self) -> str:
        runs = sum(len(arm.runs) for arm in self.arms)
        size = f"{runs} run{'s' if runs != 1 else ''} of {len(self.arms)} arm{'s' if len(self.arms) != 1 else ''}"
        said = "".join(verdict_html(sweep) for sweep in self.sweeps) or plain_finding(self.arms)
        return (
            f'<p class="kicker">vgrout report · {size} · {self.written:%d %B %Y, %H:%M} UTC</p>'
            f"<h1>{text(self.title)}</h1>{said}"
        )


def plain_finding(arms: Sequence[Arm]) -> str:
    """The deployed hack of every arm in one sentence; it concludes nothing, a sweep's rule does that."""
    parts = []
    for arm in arms:
        counts = [result.measures[HACK] for result in results(arm, "deployed")]
        values, n = shares(counts), sum(count.n for count in counts)
        if values:
            parts.append(
                f'<span class="item">{swatch(arm)} <b>{mean(values):.3f}</b> <span class="n">n = {n:,}</span></span>'
            )
    if not parts:
        return '<p class="finding">No run has been evaluated yet; the curves show how far they are.</p>'
    return (
        '<p class="finding">Deployed hack rate on held-out, hinted prompts</p>'
        f'<p class="finding-items">{"".join(parts)}</p>'
    )


def page_title(runs: Sequence[Run], sweeps: Sequence[Sweep]) -> str:
    """The sweeps' names, else what the runs have in common."""
    names = [str(sweep.facts["sweep"]) for sweep in sweeps]
    if names:
        return f"Sweep {', '.join(names)}"
    # Until its result is written, a sweep is known by its plan.
    plans = {run.path.resolve().parents[1] for run in runs if run.path.resolve().parent.name == "runs"}
    begun = [
        str(plan["plan"]["sweep"])
        for path in sorted(plans)
        if "plan" in (plan := read_object(path / SWEEP_PLAN))
    ]
    if begun:
        return f"Sweep {', '.join(begun)}, not finished"
    return f"Run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs compared"


def check_output(out: Path, runs: Sequence[Run]) -> None:
    """Refuse an output that cannot be written, or that would stand in a run's directory.

    Raises:
        ConfigError: naming the path and what to give instead.
    """
    if out.is_dir():
        raise ConfigError(
            f"--out: {out} is a folder\nhint: name a file in it, as in `--out {out}/report.html`"
        )
    if not out.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {out.parent}\nhint: make it first")
    if out.exists() and not out.is_file() and not out.is_dir():
        raise ConfigError(
            f"--out: {out} is no regular file\nhint: name a file of its own, such as report.html"
        )
    inside = {run.path.resolve() for run in runs} & {*out.resolve().parents}
    if inside:
        raise ConfigError(
            f"--out: {out} lies in the run {inside.pop()}, and a report writes nothing into a run"
            "\nhint: name a file elsewhere"
        )


def now() -> datetime:
    """The time that a page is stamped with."""
    return datetime.now(UTC)


def _figure(panel: Panel) -> dict[str, Any]:
    return {"traces": panel.traces, "x": panel.x, "y": panel.y, "layout": panel.layout, "title": panel.title}


def _asset(name: str) -> str:
    return files("vgrout.report").joinpath("assets", name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        script = files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise ConfigError(
            "plotly: not installed, and the charts need it\nhint: `pip install plotly`"
        ) from error
    # Inlined, so it must not be able to end its own element.
    return script.replace("</script", "<\\/script")
