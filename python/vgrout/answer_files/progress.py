"""What a person sees while answers are graded: a bar with rollouts/s on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0


class GradingProgress:
    """Progress through `total` lines; those passed over are `skip`ped and do not count for the rate."""

    def __init__(self, console: Console, total: int) -> None:
        """Show on `console`."""
        self._console = console
        self._total = total
        self._skipped = 0
        self._done = 0
        self._start = self._said = time.perf_counter()
        self._bar = Progress(
            TextColumn("grading"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("grading", total=total, rate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def skip(self, lines: int) -> None:
        """`lines` in all were passed over so far."""
        self._skipped = lines

    def within_batch(self, finished: int) -> None:
        """`finished` answers of the batch in flight have their verdict."""
        done = self._done + finished
        now = time.perf_counter()
        rate = done / max(now - self._start, 1e-9)
        self._bar.update(self._task, completed=self._skipped + done, rate=f"{rate:.0f} rollouts/s")
        if not self._console.is_terminal and now - self._said >= LINE_EVERY_S:
            self._said = now
            left = (self._total - self._skipped - done) / max(rate, 1e-9)
            self._console.print(
                f"graded {self._skipped + done}/{self._total}, {rate:.0f} rollouts/s, about {left:.0f} s left",
                highlight=False,
                soft_wrap=True,
            )

    def batch_done(self, answers: int) -> None:
        """The batch in flight, of `answers`, is written."""
        self._done += answers
        self.within_batch(0)
