"""What a person sees while a sweep runs: a live table on a terminal, plain lines elsewhere."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vgrout.artifacts import METRICS
from vgrout.errors import DataError
from vgrout.sweep.jobs import Job
from vgrout.sweep.outcomes import hack_counts, read_json
from vgrout.sweep.running import Running

LINE_EVERY_S = 60.0
TABLE_EVERY_S = 0.5
_LAST_BYTES = 1 << 16


class SweepView:
    """Progress through a sweep's jobs on `console`."""

    def __init__(self, console: Console, total: int) -> None:
        """Show `total` jobs."""
        self._console = console
        self._total = total
        self._done = self._new = self._given_up = 0
        self._start = self._said = time.monotonic()
        self._drawn = 0.0
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def skipped(self, jobs: Sequence[Job]) -> None:
        """These were finished before."""
        self._done += len(jobs)
        if jobs:
            self._line(f"{len(jobs)} of {self._total} were finished before")

    def started(self, running: Running) -> None:
        """Say that a process was started."""
        self._line(f"{'going on with' if running.resumed else 'starting'} {running.job.name}")

    def ended(self, running: Running, problem: str | None, *, again: bool) -> None:
        """Say how a process ended."""
        name = running.job.name
        if problem is None:
            self._done, self._new = self._done + 1, self._new + 1
            self._line(
                f"[{self._done}/{self._total}] {name} in {clock(running.seconds)}{_result(running)}"
                f"{self._left([])}"
            )
        elif again:
            self._line(f"{name} stopped and can go on: {problem}")
        else:
            self._given_up += 1
            self._line(f"{name} failed: {problem}")

    def refresh(self, running: Sequence[Running], waiting: int) -> None:
        """Draw the table, or say a line now and then."""
        now = time.monotonic()
        if self._live and now - self._drawn >= TABLE_EVERY_S:
            self._drawn = now
            self._live.update(Group(self._table(running), Text(self._head(running, waiting))), refresh=True)
        elif not self._live and now - self._said >= LINE_EVERY_S:
            for entry in running:
                name, step, hack, seconds = _cells(entry)
                self._line(f"{name}: step {step}, hack {hack}, {seconds}")
            self._line(self._head(running, waiting))

    def _head(self, running: Sequence[Running], waiting: int) -> str:
        failed = f", {self._given_up} failed" if self._given_up else ""
        return (
            f"{self._done}/{self._total} done, {len(running)} running, {waiting} waiting{failed}"
            f"{self._left(running)}"
        )

    def _left(self, running: Sequence[Running]) -> str:
        """Time left at this session's pace; empty before there is one."""
        made = self._new + sum(_share(entry) for entry in running)
        left = self._total - self._done - self._given_up - (made - self._new)
        seconds = time.monotonic() - self._start
        return f", about {clock(seconds / made * left)} left" if made > 0.05 and left > 0 else ""

    def _table(self, running: Sequence[Running]) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("run", overflow="fold")
        for name in ("step", "hack", "time"):
            table.add_column(name, justify="right")
        for entry in running:
            table.add_row(*_cells(entry))
        return table

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def clock(seconds: float) -> str:
    """`41s`, `3m20s` or `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}m"


def last_row(path: Path) -> dict[str, Any] | None:
    """The last whole row of a `metrics.jsonl` that is being written; None where there is none yet."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST_BYTES))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return None
    try:
        return METRICS.decode(json.loads(lines[-1]), str(path)) if lines else None
    except (ValueError, DataError):
        return None


def _progress(running: Running) -> tuple[int, int | None, tuple[int, int]]:
    """Steps made, steps in all and the last step's hacks out of answers to hinted prompts of a run in progress."""
    row = last_row(running.folder / METRICS.file)
    try:
        steps = read_json(running.folder / "config.json").get("steps")
    except DataError:
        steps = None
    asked = steps if isinstance(steps, int) else None
    return (0, asked, (0, 0)) if row is None else (int(row["step"]), asked, hack_counts(row))


def _share(running: Running) -> float:
    """How much of a job is made, in [0, 1]."""
    if running.job.scale is not None:
        return 0.0
    made, asked, _ = _progress(running)
    return min(1.0, made / asked) if asked else 0.0


def _cells(running: Running) -> tuple[str, str, str, str]:
    """Name, step k/n, hack share and time of a running job."""
    if running.job.scale is not None:
        return running.job.name, "evaluating", "-", clock(running.seconds)
    made, asked, (hacks, answers) = _progress(running)
    step = f"{made}/{'?' if asked is None else asked}"
    return running.job.name, step, f"{hacks}/{answers}" if answers else "-", clock(running.seconds)


def _result(running: Running) -> str:
    """The deployed hack count of a finished run, for its line."""
    try:
        hack = read_json(running.folder / "eval.json")["deployed"]["hack"]
        return f", deployed hack {hack['count']}/{hack['n']}" if running.job.scale is None else ""
    except (DataError, KeyError, TypeError):
        return ""
