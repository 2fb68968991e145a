"""What a person sees while answers are graded: a bar with rollouts/s on a terminal, plain lines elsewhere."""

import time

from rich.console import Console

from vgrout.bars import Bar

LINE_EVERY_S = 10.0


class GradingProgress(Bar):
    """Progress through `total` lines; those passed over are `skip`ped and do not count for the rate."""

    def __init__(self, console: Console, total: int) -> None:
        """Show on `console`."""
        super().__init__(console, "grading", total)
        self._total = total
        self._skipped = 0
        self._done = 0
        self._start = self._said = time.perf_counter()

    def skip(self, lines: int) -> None:
        """`lines` in all were passed over so far."""
        self._skipped = lines

    def within_batch(self, finished: int) -> None:
        """`finished` answers of the batch in flight have their verdict."""
        done = self._done + finished
        now = time.perf_counter()
        rate = done / max(now - self._start, 1e-9)
        self.show(self._skipped + done, f"{rate:.0f} rollouts/s")
        if not self.console.is_terminal and now - self._said >= LINE_EVERY_S:
            self._said = now
            left = (self._total - self._skipped - done) / max(rate, 1e-9)
            self.line(
                f"graded {self._skipped + done}/{self._total}, {rate:.0f} rollouts/s, about {left:.0f} s left"
            )

    def batch_done(self, answers: int) -> None:
        """The batch in flight, of `answers`, is written."""
        self._done += answers
        self.within_batch(0)
