"""trackio: local by default, `trackio show --project vgrout`."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import trackio

from vgrout.settings import to_json
from vgrout.train.trackers import TrackedRun, Tracker, numbers, own_id


class Trackio(Tracker):
    """One run of the project `vgrout`, named for the run's folder and an id."""

    def __init__(self, run: TrackedRun) -> None:
        """Open the run; a resumed one goes on in the same place."""
        self._run = trackio.init(
            project="vgrout",
            name=f"{run.path.name}-{own_id(run, 'trackio')}",
            config=to_json(run.config),
            resume="allow",
            embed=False,
        )

    def add(self, row: Mapping[str, Any]) -> None:
        """Log a row's numbers."""
        trackio.log(numbers(row), step=row["step"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        trackio.finish()
