"""What is told of every step beside the run directory's own files."""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console

from vgrout import registry
from vgrout.config import TrainConfig
from vgrout.errors import ConfigError
from vgrout.train.activity import Activity

log = logging.getLogger(__name__)


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
        """Take note of a step's row of `metrics.jsonl`; one of `validation.jsonl` comes under the key `validation`."""
        ...


class Told:
    """A tracker whose failures end nothing: it is told no more, and the run goes on."""

    def __init__(self, name: str, kind: Callable[[TrackedRun], Tracker], run: TrackedRun) -> None:
        """Open the tracker for `run` when the context is entered."""
        self._name, self._kind, self._run = name, kind, run
        self._tracker: Tracker | None = None

    def __enter__(self) -> Self:
        with self._forgiven():
            self._tracker = self._kind(self._run)
            self._tracker.__enter__()
        return self

    def add(self, row: Mapping[str, Any]) -> None:
        """Tell it a row."""
        if self._tracker is not None:
            with self._forgiven():
                self._tracker.add(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tracker is not None:
            with self._forgiven():
                self._tracker.__exit__(kind, error, trace)

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a tracker raises, the run goes on
            self._tracker = None
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning(
                "tracker %s: %s; it is told no more, and metrics.jsonl has every step", self._name, reason
            )


def load_trackers(names: Sequence[str]) -> list[Callable[[TrackedRun], Tracker]]:
    """The trackers by name, before anything is written.

    Raises:
        ConfigError: a name is unknown, or its package is missing.
    """
    found = []
    for name in names:
        try:
            found.append(registry.load(registry.TRACKERS, name, "trackers"))
        except ImportError as error:
            raise ConfigError(
                f"trackers: {name} needs a package that is not installed: {error}\nhint: `pip install 'vgrout[{name}]'`"
            ) from error
    return found


def own_id(run: TrackedRun, program: str) -> str:
    """What a program knows this run by: drawn once and kept in the run's folder, since other runs may have its name."""
    file = run.path / f"{program}-id.txt"
    if not file.is_file():
        file.write_text(f"{uuid.uuid4().hex[:8]}\n", encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


def numbers(row: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a row by their names, those inside objects as `outer/inner`; what is missing is left out."""
    found: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name not in {"schema", "step"}:
            found[f"{prefix}{name}"] = float(value)
    return found
