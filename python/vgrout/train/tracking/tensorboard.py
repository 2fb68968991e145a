"""TensorBoard: event files in the run's folder, `tensorboard --logdir runs`."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from torch.utils.tensorboard.writer import SummaryWriter

from vgrout.train.trackers import TrackedRun, Tracker, numbers


class TensorBoard(Tracker):
    """Scalars of every step, in `tensorboard/` of the run's folder."""

    def __init__(self, run: TrackedRun) -> None:
        """A resumed run's later steps take the place of those that it makes again."""
        self._writer = SummaryWriter(str(run.path / "tensorboard"), purge_step=run.done + 1)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row's numbers."""
        for name, value in numbers(row).items():
            self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
