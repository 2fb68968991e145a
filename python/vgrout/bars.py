"""The progress bar of whatever takes long, on a terminal only; and a console that outlives its reader."""

import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class _LastingStderr:
    """stderr, as it is at each moment; its reader may go, or its disk fill: what is written then is dropped."""

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def lasting_console(*, quiet: bool = False) -> Console:
    """A console on stderr for what must not end because nobody reads it any more."""
    return Console(file=_LastingStderr(), quiet=quiet)  # type: ignore[arg-type]


class Bar:
    """A context that shows one count, a note on it and the time left."""

    def __init__(
        self, console: Console, what: str, total: int | None, *, done: int = 0, transient: bool = False
    ) -> None:
        """Show on `console`; `transient` is gone at the end."""
        self.console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=transient,
        )
        self._task = self._bar.add_task(what, total=total, completed=done, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """`done` of the total, which may be known only now; `note` stands beside it."""
        self._bar.update(self._task, completed=done, note=note, total=total)

    def restart(self, what: str, total: int | None) -> None:
        """Count something else from nothing."""
        self._bar.reset(self._task, description=what, total=total, note="")

    def line(self, text: str) -> None:
        """Write a line; above the bar where there is one."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
