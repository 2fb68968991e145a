"""What is told of every step beside the run directory's own files."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from vgrout.config import TrainConfig
from vgrout.train.activity import Activity


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
    activity: Activity = field(default_factory=Activity)
    """What the step in progress is at."""


class Tracker(AbstractContextManager["Tracker"], Protocol):
    """Entered before the first step and left after the last, also where the run is stopped."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take note of a step's row of `metrics.jsonl`."""
        ...
