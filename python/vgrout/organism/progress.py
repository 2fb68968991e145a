"""What a person sees while an organism is built: a bar with the time left on a terminal, plain lines elsewhere."""

import time

from rich.console import Console

from vgrout.bars import Bar

LINE_EVERY_S = 15.0


class BuildProgress(Bar):
    """The parts of a build, one after the other."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        super().__init__(console, "", None)
        self._part, self._total = "", 0
        self._start = self._said = time.perf_counter()

    def begin(self, part: str, steps: int) -> None:
        """The next part; `steps` 0 is one that does not count."""
        self._part, self._total = part, steps
        self.restart(part, steps or None)
        self._start = self._said = time.perf_counter()
        self._print(part)

    def step(self, done: int, loss: float) -> None:
        """`done` steps of the part are made."""
        self.show(done, f"loss {loss:.3f}")
        now = time.perf_counter()
        if now - self._said >= LINE_EVERY_S:
            self._said = now
            left = (self._total - done) * (now - self._start) / done
            self._print(f"{self._part}: {done}/{self._total} steps, loss {loss:.3f}, about {left:.0f} s left")

    def _print(self, line: str) -> None:
        if not self.console.is_terminal:
            self.line(line)
