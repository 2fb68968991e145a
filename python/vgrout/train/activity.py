"""What a run is doing at this moment, for whoever shows it; and a pulse that shows it now and then."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self


class Activity:
    """The phase of the step in progress. Written by the trainer, read by another thread: one name at a time."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self._phase = ""
        self._done = 0
        self._total = 0
        self._since = time.monotonic()

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[Callable[[int], None]]:
        """Be in a phase of `total` pieces, 0 where they are not counted; gives what is told how many are done."""
        self._phase, self._done, self._total, self._since = name, 0, total, time.monotonic()
        try:
            yield self._tell
        finally:
            self._phase = ""

    def _tell(self, done: int) -> None:
        self._done = done

    def words(self) -> str:
        """`rollouts 12/64, 45 s`; empty between phases."""
        phase, total = self._phase, self._total
        if not phase:
            return ""
        count = f" {min(self._done, total)}/{total}" if total else ""
        return f"{phase}{count}, {time.monotonic() - self._since:.0f} s"


class Pulse:
    """Calls `show` every `seconds` in a thread of its own while entered."""

    def __init__(self, show: Callable[[], None], seconds: float) -> None:
        """Nothing runs until the object is entered."""
        self._show = show
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="vgrout-pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._seconds):
            self._show()
