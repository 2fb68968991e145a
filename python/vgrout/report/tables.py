"""The report's tables as HTML: they say everything that matters without a script."""

from collections.abc import Iterable, Sequence

from vgrout.report.arms import Arm
from vgrout.report.counts import MEASURES, Count, mean, shares, total
from vgrout.report.embed import DASH, TIMES, text
from vgrout.report.runs import ModeCount, PolicyResult, Run
from vgrout.report.strips import share_strip


def swatch(arm: Arm) -> str:
    """The arm's name beside its colour."""
    return f'<span class="swatch" style="--c: var(--arm-{arm.slot})"></span>{text(arm.label)}'


def results(arm: Arm, policy: str) -> list[PolicyResult]:
    """What the evaluated runs of an arm measured of `policy` (deployed or as_trained)."""
    found = [run.deployed if policy == "deployed" else run.as_trained for run in arm.runs]
    return [result for result in found if result is not None]


def result_table(arms: Sequence[Arm], policy: str) -> str:
    """Hack and solve of each arm, every run a dot; the empty string where no run is evaluated."""
    rows = []
    for arm in arms:
        found = results(arm, policy)
        if not found:
            continue
        cells = [
            f'<td data-label="{title}">{_share_cell([result.measures[name] for result in found], arm)}</td>'
            for name, title in MEASURES.items()
        ]
        runs = f'<span class="faint">{len(found)} run{"s" if len(found) > 1 else ""}</span>'
        rows.append(f'<tr><th scope="row">{swatch(arm)} {runs}</th>{"".join(cells)}</tr>')
    return _table(["Arm", *MEASURES.values()], rows, "results cards") if rows else ""


def _share_cell(counts: Sequence[Count], arm: Arm) -> str:
    values, whole = shares(counts), total(counts)
    if not values:
        return '<span class="faint">not asked</span>'
    low, high = whole.interval if len(values) == 1 else (min(values), max(values))
    strip = share_strip(values, arm.slot, centre=mean(values), bounds=(low, high))
    return (
        f'{strip}<span class="share">{mean(values):.3f}</span> '
        f'<span class="range">{low:.3f}{DASH}{high:.3f}</span> <span class="n">{_of(whole)}</span>'
    )


def run_table(arms: Sequence[Arm]) -> str:
    """Every run with its counts and Wilson intervals."""
    rows = []
    for arm in arms:
        for run in arm.runs:
            draw = "" if run.draw is None else f", draw {run.draw}"
            cells = [f'<td data-label="Seed">{text(run.seed)}{draw}</td>']
            for policy, result in (("deployed", run.deployed), ("as trained", run.as_trained)):
                for name, title in MEASURES.items():
                    shown = DASH if result is None else _wilson(result.measures[name])
                    cells.append(f'<td data-label="{title}, {policy}">{shown}</td>')
            rows.append(
                f'<tr><th scope="row">{swatch(arm)}<br><code>{text(run.name)}</code></th>{"".join(cells)}</tr>'
            )
    heads = [f"{title}, {policy}" for policy in ("deployed", "as trained") for title in MEASURES.values()]
    return _table(["Run", "Seed", *heads], rows, "runs cards")


def _wilson(count: Count) -> str:
    if count.share is None:
        return DASH
    low, high = count.interval
    return (
        f'<span class="share">{count.share:.3f}</span> <span class="range">[{low:.3f}, {high:.3f}]</span> '
        f'<span class="n">{_of(count)}</span>'
    )


def _of(count: Count) -> str:
    return f"{count.count:,}/{count.n:,}"


def provenance_table(arms: Sequence[Arm]) -> str:
    """Arms with their seeds, presets, models and how far their runs came."""
    rows = []
    for arm in arms:
        seeds = sorted({run.seed for run in arm.runs if run.seed is not None})
        draws = sorted({run.draw for run in arm.runs if run.draw is not None})
        cells = {
            "Runs": str(len(arm.runs)),
            "Seeds": text(", ".join(map(str, seeds)))
            + (f" · draw{'s' if len(draws) > 1 else ''} {_list(draws)}" if draws else ""),
            "Preset": text(_values(arm.runs, "preset")),
            "Model": text(_values(arm.runs, "model") or "the preset's"),
            "State": "<br>".join(text(line) for line in _states(arm.runs)),
            "Wall time": _hours(sum(run.seconds for run in arm.runs)),
        }
        body = "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in cells.items())
        rows.append(f'<tr><th scope="row">{swatch(arm)}</th>{body}</tr>')
    return _table(["Arm", "Runs", "Seeds", "Preset", "Model", "State", "Wall time"], rows, "provenance cards")


def _values(runs: Iterable[Run], name: str) -> str:
    return ", ".join(dict.fromkeys(str(run.config[name]) for run in runs if run.config.get(name) is not None))


def _list(values: Sequence[int]) -> str:
    whole = len(values) > 2 and list(values) == list(range(values[0], values[-1] + 1))
    return f"{values[0]}{DASH}{values[-1]}" if whole else ", ".join(map(str, values))


def _states(runs: Sequence[Run]) -> list[str]:
    counts: dict[str, int] = {}
    for run in runs:
        counts[run.status] = counts.get(run.status, 0) + 1
    return [status if count == len(runs) else f"{count} {TIMES} {status}" for status, count in counts.items()]


def _hours(seconds: float) -> str:
    if not seconds:
        return DASH
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def mode_table(arms: Sequence[Arm], policy: str, prompt: str, measure: str) -> str:
    """One measure by loophole mode, all runs of an arm in one pot; tinted by the share."""
    table: dict[int, dict[str, Count]] = {}
    for place, arm in enumerate(arms):
        for cell in (cell for result in results(arm, policy) for cell in result.by_mode):
            if cell.prompt == prompt:
                row = table.setdefault(place, {})
                row[cell.mode] = row.get(cell.mode, Count(0, 0)) + _measured(cell, measure)
    modes = sorted({mode for row in table.values() for mode in row})
    rows = []
    for place, row in table.items():
        cells = "".join(_mode_cell(row.get(mode), mode) for mode in modes)
        rows.append(f'<tr><th scope="row">{swatch(arms[place])}</th>{cells}</tr>')
    return _table(["Arm", *(text(mode) for mode in modes)], rows, "modes") if rows else ""


def _measured(cell: ModeCount, measure: str) -> Count:
    return cell.hack if measure == "hack" else cell.solve


def _mode_cell(count: Count | None, mode: str) -> str:
    if count is None or count.share is None:
        return f'<td data-label="{text(mode)}">{DASH}</td>'
    low, high = count.interval
    return (
        f'<td data-label="{text(mode)}" style="--share: {count.share:.3f}" '
        f'title="Wilson 95 %: {low:.3f}{DASH}{high:.3f}"><span class="share">{count.share:.2f}</span> '
        f'<span class="n">{_of(count)}</span></td>'
    )


def _table(heads: Sequence[str], rows: Sequence[str], kind: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def fact_table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str) -> str:
    """A table of cells that are HTML already."""
    built = [
        "<tr>"
        f'<th scope="row">{row[0]}</th>'
        + "".join(
            f'<td data-label="{head}">{cell}</td>' for head, cell in zip(heads[1:], row[1:], strict=True)
        )
        + "</tr>"
        for row in rows
    ]
    return _table(heads, built, kind)
