"""What a person sees while an organism is built: a bar with the time left on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 15.0


class BuildProgress:
    """The parts of a build, one after the other."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._part, self._total = "", 0
        self._task = self._bar.add_task("", total=None, loss="")
        self._start = self._said = time.perf_counter()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, part: str, steps: int) -> None:
        """The next part; `steps` 0 is one that does not count."""
        self._part, self._total = part, steps
        self._bar.reset(self._task, description=part, total=steps or None, loss="")
        self._start = self._said = time.perf_counter()
        self._print(part)

    def step(self, done: int, loss: float) -> None:
        """`done` steps of the part are made."""
        self._bar.update(self._task, completed=done, loss=f"loss {loss:.3f}")
        now = time.perf_counter()
        if now - self._said >= LINE_EVERY_S:
            self._said = now
            left = (self._total - done) * (now - self._start) / done
            self._print(f"{self._part}: {done}/{self._total} steps, loss {loss:.3f}, about {left:.0f} s left")

    def _print(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, soft_wrap=True)
