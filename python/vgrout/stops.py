"""SIGINT and SIGTERM taken for the length of a context; what each means there is the caller's."""

import signal
import threading
from abc import ABC, abstractmethod
from types import FrameType, TracebackType
from typing import ClassVar, Self


class TakenSignals(ABC):
    """While entered, the signals `taken` come to `_handle`; outside the main thread nothing changes."""

    taken: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGINT, signal.SIGTERM)
    """A batch system that takes its machine back sends SIGTERM and waits a while."""

    def __init__(self) -> None:
        """Nothing is installed until the object is entered."""
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self.taken:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)  # type: ignore[arg-type]

    @abstractmethod
    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        """One of them came."""


class TerminatedAsInterrupted(TakenSignals):
    """While entered, SIGTERM is what Ctrl-C is: what was begun is undone or kept, and said."""

    taken = (signal.SIGTERM,)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt
