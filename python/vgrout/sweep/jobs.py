"""A plan as processes: what each is called, what it waits for and how it is started."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from vgrout.sweep.plans import RUNS, Cell, Plan


@dataclass(frozen=True, kw_only=True)
class Job:
    """One process of a sweep: a run, or a further evaluation of a finished one."""

    name: str
    cell: Cell
    scale: float | None = None
    """Share of the quarantine at which the finished run is evaluated; None trains."""
    after: tuple[str, ...] = ()
    """Jobs that must be done first."""


class Commands(Protocol):
    """How a job is started."""

    def __call__(self, job: Job, folder: Path, *, resume: bool) -> list[str]:
        """The program and its arguments; `folder` is the run's, `resume` goes on from its checkpoint."""
        ...

    def at(self, runs: Path) -> "Commands":
        """The same where the sweep's runs lie in another folder, perhaps on another machine."""
        ...


def jobs_of(plan: Plan) -> list[Job]:
    """The jobs of a plan, in its order; a run's evaluations stand behind it."""
    jobs = []
    for cell in plan.cells:
        jobs.append(Job(name=cell.name, cell=cell, after=cell.after))
        jobs += [
            Job(name=f"{cell.name} scale {scale:g}", cell=cell, scale=scale, after=(cell.name,))
            for scale in cell.evaluations
        ]
    return jobs


@dataclass(frozen=True)
class VgroutCommands:
    """Starts jobs as `vgrout` with this interpreter, one thread each."""

    plan: Plan
    runs: Path
    """What `{runs}` stands for."""

    def __call__(self, job: Job, folder: Path, *, resume: bool) -> list[str]:
        """The `vgrout` command of a job."""
        program = [sys.executable, "-m", "vgrout.cli"]
        if job.scale is not None:
            return [*program, "evaluate", str(folder), "--eval.quarantine-scale", f"{job.scale:g}"]
        if resume:
            # Everything else stands in the run's own config.
            return [*program, "train", self.plan.preset, "--resume", str(folder)]
        flags = (flag.replace(RUNS, str(self.runs)) for flag in (*self.plan.extra, *job.cell.flags))
        place = ["--run-dir", str(folder)]
        return [*program, "train", self.plan.preset, *flags, *ONE_THREAD_FLAGS, *place]

    def at(self, runs: Path) -> "VgroutCommands":
        """The same where the sweep's runs lie in another folder."""
        return replace(self, runs=runs)


ONE_THREAD_FLAGS: Sequence[str] = ("--base.threads", "1", "--grading.workers", "1")
OWN_FLAGS = (
    "--intervention",
    "--seed",
    "--routeA-random-v-seed",
    "--run-dir",
    "--resume",
    *ONE_THREAD_FLAGS[::2],
)
"""What no flag for every run may set."""
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
) | {"TOKENIZERS_PARALLELISM": "false"}
"""Environment of every job: libraries read it when they are loaded, so that no flag comes in time."""
