"""Ctrl-C or SIGTERM during training: the first ends the run after the step in progress, the second at once."""

import logging
from pathlib import Path
from types import FrameType

from vgrout.stops import TakenSignals

log = logging.getLogger(__name__)


class Interrupted(KeyboardInterrupt):
    """The user stopped the run in `run_dir`; `saved_step` is its last checkpoint's, None where there is none."""

    def __init__(self, run_dir: Path, saved_step: int | None) -> None:
        super().__init__()
        self.run_dir = run_dir
        self.saved_step = saved_step


class Interrupts(TakenSignals):
    """While entered, the first SIGINT or SIGTERM only sets `requested`; outside the main thread it changes nothing."""

    def __init__(self) -> None:
        """Nothing is installed until the object is entered."""
        super().__init__()
        self.requested = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        log.warning("interrupt: finishing this step and saving; a second one stops at once")
