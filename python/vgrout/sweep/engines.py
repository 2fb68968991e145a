"""Where a sweep's jobs run: one entry an engine."""

from collections.abc import Iterable
from functools import partial
from typing import Protocol

from vgrout.errors import ConfigError
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Commands, Job
from vgrout.sweep.local import run_local
from vgrout.sweep.ray import RayRequest, require_ray, run_ray
from vgrout.sweep.running import Summary, View


class Engine(Protocol):
    """Runs jobs to their end."""

    def __call__(
        self, jobs: Iterable[Job], folder: SweepFolder, commands: Commands, *, slots: int, view: View
    ) -> Summary:
        """Run every job that is not done, `slots` at a time."""
        ...


ENGINES: dict[str, Engine] = {"local": run_local, "ray": run_ray}
"""Engines by the name that `--engine` takes."""


def engine_of(name: str, *, address: str | None = None, device: str = "cpu") -> Engine:
    """The engine of that name; `address` is a Ray cluster's, `device` where each job runs.

    Raises:
        ConfigError: an address is given to an engine that has none, or ray is not installed.
    """
    if name == "ray":
        require_ray()
        request = RayRequest(address=address, gpus=1.0 if device == "cuda" else 0.0)
        return partial(run_ray, request=request)
    if address is not None:
        raise ConfigError(f"--address: {address} is of a Ray cluster\nhint: add `--engine ray`")
    return ENGINES[name]
