"""What a person sees while a run trains: a table of steps and, on a terminal, a bar with rate and time left."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from vgrout.bars import Bar
from vgrout.train.activity import Pulse
from vgrout.train.trackers import TrackedRun

_COLUMNS = {
    "step": 9, "reward": 6, "hack": 6, "solve": 6, "keep/absorb/rout": 16, "qmass": 5, "loss": 8, "KL": 7, "lr": 7,
    "s/step": 6, "left": 6,
}  # fmt: skip
"""Heads of the table with their widths."""
_DROPPED = ("lr", "qmass", "loss", "KL", "keep/absorb/rout", "reward", "s/step")
"""What goes first where the console is narrow."""
_HEADER_EVERY = 20
SILENT_S = 20.0
"""How long nothing is said of a step, where there is no terminal."""


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
        self._first = self._done = run.done
        self._start = time.perf_counter()
        self._step_began = self._start
        self._activity = run.activity
        self._note = ""
        self._pulse = Pulse(self._show_activity, 1.0 if run.console.is_terminal else SILENT_S)
        self._columns = shown_columns(run.console.width)

    def __enter__(self) -> Self:
        super().__enter__()
        self._pulse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)

    def _show_activity(self) -> None:
        """Say what a long step is at: beside the bar, or as a line where there is none."""
        words = self._activity.words()
        if not words:
            return
        if self.console.is_terminal:
            self.show(self._done, f"{self._note} {words}".lstrip())
        elif time.perf_counter() - self._step_began >= SILENT_S:
            self.line(f"{f'{self._done + 1}/{self._steps}':>9}  {words}")

    def add(self, row: Mapping[str, Any]) -> None:
        """Show a step's row of `metrics.jsonl`, or a validation."""
        if "validation" in row:
            self.line(validation_line(row["validation"]))
            return
        step = int(row["step"])
        count = step - self._first
        pace = (time.perf_counter() - self._start) / count
        if (count - 1) % _HEADER_EVERY == 0:
            self.line(_row({name: name for name in _COLUMNS}, self._columns))
        self.line(step_line(row, self._steps, pace, self._columns))
        self._done, self._note, self._step_began = step, f"{pace:.1f} s/step", time.perf_counter()
        self.show(step, self._note)


def validation_line(row: Mapping[str, Any]) -> str:
    """What a row of `validation.jsonl` says, for people."""
    shares = ", ".join(
        f"{words} {row[field]}/{row[count]}"
        for words, field, count in (
            ("hack", "deployed_exploited", "hinted_answers"),
            ("solve", "deployed_solved_hinted", "hinted_answers"),
            ("solve, plain", "deployed_solved_plain", "plain_answers"),
            ("as trained: hack", "as_trained_exploited", "hinted_answers"),
        )
    )
    return f"{'':>9}  validation after step {row['step']}: {shares}"


@contextmanager
def evaluation_bar(console: Console, answers: int) -> Iterator[Callable[[int], None]]:
    """A bar of `answers` sampled answers, or a line now and then; gives what is told how many there are."""
    start = said = time.perf_counter()

    def show(done: int) -> None:
        nonlocal said
        bar.show(done)
        now = time.perf_counter()
        if not console.is_terminal and now - said >= SILENT_S:
            said = now
            left = (now - start) / max(done, 1) * (answers - done)
            bar.line(f"evaluating {done}/{answers}, about {duration(left)} left")

    with Bar(console, "evaluating", answers, transient=True) as bar:
        yield show


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
