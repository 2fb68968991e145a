"""What a person sees while a run trains: a table of steps and, on a terminal, a bar with rate and time left."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from vgrout.bars import Bar
from vgrout.train.trackers import TrackedRun

_COLUMNS = {
    "step": 9, "reward": 6, "hack": 6, "solve": 6, "keep/absorb/rout": 16, "qmass": 5, "loss": 8, "KL": 7, "lr": 7,
    "s/step": 6, "left": 6,
}  # fmt: skip
"""Heads of the table with their widths."""
_DROPPED = ("lr", "qmass", "loss", "KL", "keep/absorb/rout", "reward", "s/step")
"""What goes first where the console is narrow."""
_HEADER_EVERY = 20


class ConsoleHandler(logging.Handler):
    """Writes log records as single lines above the progress bar."""

    def __init__(self, console: Console) -> None:
        """Write to `console`."""
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self._console.print(self.format(record), markup=False, highlight=False, soft_wrap=True)


def log_to(console: Console) -> None:
    """Send this package's log to `console`, one line an event."""
    log = logging.getLogger("vgrout")
    log.handlers = [ConsoleHandler(console)]
    log.setLevel(logging.INFO)
    log.propagate = False


class StepTable(Bar):
    """One line a step on `console`; on a terminal a bar below them."""

    def __init__(self, run: TrackedRun) -> None:
        """Show a run on its console."""
        super().__init__(run.console, "training", run.config.steps, done=run.done)
        self._steps = run.config.steps
        self._first = run.done
        self._start = time.perf_counter()
        self._columns = shown_columns(run.console.width)

    def add(self, row: Mapping[str, Any]) -> None:
        """Show a step's row of `metrics.jsonl`."""
        step = int(row["step"])
        count = step - self._first
        pace = (time.perf_counter() - self._start) / count
        if (count - 1) % _HEADER_EVERY == 0:
            self.line(_row({name: name for name in _COLUMNS}, self._columns))
        self.line(step_line(row, self._steps, pace, self._columns))
        self.show(step, f"{pace:.1f} s/step")


@contextmanager
def evaluation_bar(console: Console, answers: int) -> Iterator[Callable[[int], None]]:
    """A bar of `answers` sampled answers, on a terminal only; gives what is told how many there are."""
    with Bar(console, "evaluating", answers, transient=True) as bar:
        yield bar.show


def shown_columns(width: int) -> list[str]:
    """The columns that a console of that width has room for; the last ones stay whatever it is."""
    shown = list(_COLUMNS)
    for name in _DROPPED:
        if sum(_COLUMNS[each] + 2 for each in shown) - 2 <= width:
            break
        shown.remove(name)
    return shown


def _row(cells: Mapping[str, str], columns: Sequence[str]) -> str:
    return "  ".join(cells[name].rjust(_COLUMNS[name]) for name in columns)


def step_line(
    row: Mapping[str, Any], steps: int, pace: float, columns: Sequence[str] = tuple(_COLUMNS)
) -> str:
    """One line of the table; a dash stands for what the step did not measure."""
    own = row["rollouts"] - row["teacher_rollouts"]
    zones = [row.get(f"zone_{name}") for name in ("keep", "absorb", "rout")]
    cells = {
        "step": f"{row['step']}/{steps}",
        "reward": _number(row.get("reward_mean"), ".2f"),
        "hack": f"{row['exploited']}/{own}",
        "solve": f"{row['gt_correct']}/{own}",
        "keep/absorb/rout": "-" if None in zones else "/".join(map(str, zones)),
        "qmass": _number(row.get("quarantine_mass"), ".2f"),
        "loss": _number(row.get("loss"), ".4f"),
        "KL": _number(row.get("kl"), ".4f"),
        "lr": _number(row.get("learning_rate"), ".1e"),
        "s/step": f"{pace:.1f}",
        "left": duration(pace * (steps - row["step"])),
    }
    return _row(cells, columns)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def duration(seconds: float) -> str:
    """`41s`, `3m20s` or `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
