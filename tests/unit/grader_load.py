"""What several tests of the grader under load share."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vgrout import Verdict


def label(verdict: Verdict) -> tuple[object, ...]:
    """Everything about a verdict that load must not change."""
    return (
        verdict.outcome,
        verdict.label,
        verdict.reward,
        verdict.channel,
        verdict.mechanism,
        tuple(verdict.test_bitmap),
        verdict.diagnostics and tuple(verdict.diagnostics.to_dict().items()),
    )


@contextmanager
def busy_processors(count: int) -> Iterator[None]:
    """So many processes that do nothing but burn CPU time."""
    burners = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
