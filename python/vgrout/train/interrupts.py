"""Ctrl-C or SIGTERM during training: the first ends the run after the step in progress, the second at once."""

import logging
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

log = logging.getLogger(__name__)


class Interrupted(KeyboardInterrupt):
    """The user stopped the run in `run_dir`; `saved_step` is its last checkpoint's, None where there is none."""

    def __init__(self, run_dir: Path, saved_step: int | None) -> None:
        super().__init__()
        self.run_dir = run_dir
        self.saved_step = saved_step


class Interrupts:
    """While entered, the first SIGINT or SIGTERM only sets `requested`; outside the main thread it changes nothing."""

    def __init__(self) -> None:
        """Nothing is installed until the object is entered."""
        self.requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # A batch system that takes its machine back sends SIGTERM and waits a while.
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        log.warning("interrupt: finishing this step and saving; a second one stops at once")
