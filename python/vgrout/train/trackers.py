"""What is told of every step beside the run directory's own files."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from vgrout import registry
from vgrout.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """What a tracker learns of a run before its first step."""

    config: TrainConfig
    path: Path
    """The run directory."""
    done: int
    """Steps that a resumed run has behind it."""
    console: Console
    """Where a person watches."""


class Tracker(AbstractContextManager["Tracker"], Protocol):
    """Entered before the first step and left after the last, also where the run is stopped."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take note of a step's row of `metrics.jsonl`."""
        ...


def open_trackers(run: TrackedRun) -> Iterator[Tracker]:
    """Give the trackers that the run's config names.

    Raises:
        ConfigError: one of them is unknown.
    """
    for name in run.config.trackers:
        yield registry.load(registry.TRACKERS, name, "trackers")(run)
