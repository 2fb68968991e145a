"""Where a sweep's jobs run: one entry an engine."""

from collections.abc import Iterable
from typing import Protocol

from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Commands, Job
from vgrout.sweep.local import Summary, View, run_local


class Engine(Protocol):
    """Runs jobs to their end."""

    def __call__(
        self, jobs: Iterable[Job], folder: SweepFolder, commands: Commands, *, slots: int, view: View
    ) -> Summary:
        """Run every job that is not done, `slots` at a time."""
        ...


ENGINES: dict[str, Engine] = {"local": run_local}
"""Engines by the name that `--engine` takes."""
