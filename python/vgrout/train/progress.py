"""What a person sees while a run trains: a table of steps and, on a terminal, a bar with rate and time left."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vgrout.train.trackers import TrackedRun

_HEADER = (
    f"{'step':>9}  {'reward':>6}  {'hack':>6}  {'solve':>6}  {'keep/absorb/rout':>16}  {'qmass':>5}  "
    f"{'loss':>8}  {'KL':>7}  {'lr':>7}  {'s/step':>6}  {'left':>6}"
)
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


class StepTable:
    """One line a step on `console`; on a terminal a bar below them."""

    def __init__(self, run: TrackedRun) -> None:
        """Show a run on its console."""
        console, steps, done = run.console, run.config.steps, run.done
        self._console = console
        self._steps = steps
        self._first = done
        self._start = time.perf_counter()
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=steps, completed=done, rate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def add(self, row: Mapping[str, Any]) -> None:
        """Show a step's row of `metrics.jsonl`."""
        step = int(row["step"])
        count = step - self._first
        pace = (time.perf_counter() - self._start) / count
        if (count - 1) % _HEADER_EVERY == 0:
            self._line(_HEADER)
        self._line(step_line(row, self._steps, pace))
        self._bar.update(self._task, completed=step, rate=f"{pace:.1f} s/step")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def evaluation_bar(console: Console, answers: int) -> Iterator[Callable[[int], None]]:
    """A bar of `answers` sampled answers, on a terminal only; gives what is told how many there are."""
    with Progress(
        TextColumn("evaluating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("evaluating", total=answers)
        yield lambda sampled: bar.update(task, completed=sampled)


def step_line(row: Mapping[str, Any], steps: int, pace: float) -> str:
    """One line of the table; a dash stands for what the step did not measure."""
    own = row["rollouts"] - row["teacher_rollouts"]
    zones = [row.get(f"zone_{name}") for name in ("keep", "absorb", "rout")]
    cells = (
        f"{row['step']}/{steps}".rjust(9),
        _number(row.get("reward_mean"), 6, ".2f"),
        f"{row['exploited']}/{own}".rjust(6),
        f"{row['gt_correct']}/{own}".rjust(6),
        ("-" if None in zones else "/".join(map(str, zones))).rjust(16),
        _number(row.get("quarantine_mass"), 5, ".2f"),
        _number(row.get("loss"), 8, ".4f"),
        _number(row.get("kl"), 7, ".4f"),
        _number(row.get("learning_rate"), 7, ".1e"),
        f"{pace:6.1f}",
        duration(pace * (steps - row["step"])).rjust(6),
    )
    return "  ".join(cells)


def _number(value: float | None, width: int, form: str) -> str:
    return ("-" if value is None else format(value, form)).rjust(width)


def duration(seconds: float) -> str:
    """`41s`, `3m20s` or `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
