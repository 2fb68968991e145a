"""Weights & Biases, as its environment variables and login say (`WANDB_MODE=offline` needs neither)."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import wandb

from vgrout.settings import to_json
from vgrout.train.trackers import TrackedRun, Tracker, numbers, own_id


class Wandb(Tracker):
    """One run of the project `vgrout`, or of `WANDB_PROJECT`, named for the run's folder."""

    def __init__(self, run: TrackedRun) -> None:
        """Open the run; a resumed one goes on in the same place."""
        self._run = wandb.init(
            project=wandb.Settings().project or "vgrout",
            name=run.path.name,
            id=own_id(run, "wandb"),
            resume="allow",
            dir=str(run.path),
            config=to_json(run.config),
        )

    def add(self, row: Mapping[str, Any]) -> None:
        """Log a row's numbers."""
        self._run.log(numbers(row), step=row["step"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.finish(exit_code=0 if kind is None else 1)
