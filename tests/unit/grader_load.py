"""What several tests of the grader under load share."""

import os
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
    # Sessions of their own: the scheduler may share CPU time among sessions first.
    burn = [sys.executable, "-S", "-c", "while True: pass"]
    burners = [subprocess.Popen(burn, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@contextmanager
def crowded_processor(count: int) -> Iterator[None]:
    """What this thread starts meanwhile shares one processor with so many processes that burn CPU time."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        with busy_processors(count):
            yield
    finally:
        os.sched_setaffinity(0, before)
