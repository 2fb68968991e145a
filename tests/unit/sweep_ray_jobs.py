"""A sweep on a Ray cluster of this machine: `OUT WHAT`, in a process of its own, because ray leaves threads and handlers.

WHAT: `kill` kills a run's worker once its checkpoint has come; `interrupt` sends this process SIGINT then; `real` makes
a run of `vgrout train`. Prints how the jobs ended.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sweep_fake_jobs import Watch, plan_of

from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Commands, Job, VgroutCommands, jobs_of
from vgrout.sweep.plans import Cell, Plan
from vgrout.sweep.running import Running

SCRIPT = Path(__file__).with_name("sweep_counting_run.py")
TINY = (
    *("--steps", "3", "--checkpoint-every", "1", "--rollouts.prompts-per-step", "2", "--guard.rows", "0"),
    *("--rollouts.max-new-tokens", "16", "--eval.problems", "2", "--eval.samples", "1"),
    *("--eval.max-new-tokens", "8"),
)


@dataclass(frozen=True)
class Counting:
    """Commands of `sweep_counting_run.py`; jobs named in `stalls` stop before that step."""

    stalls: dict[str, int] = field(default_factory=dict)

    def __call__(self, job: Job, folder: Path, *, resume: bool) -> list[str]:
        start = "resume" if resume else "new"
        stall = str(self.stalls.get(job.name, 0))
        return [sys.executable, "-S", str(SCRIPT), str(folder), start, stall, *job.cell.after]

    def at(self, runs: Path) -> Commands:
        return self


def real_plan() -> Plan:
    """A run of the tiny model."""
    cell = Cell(name="real", arm="routeA", flags=("--seed", "0"), seed=0)
    return Plan(sweep="trial", preset="smoke", seeds=(0,), cells=(cell,), extra=TINY)


def counting_plan() -> Plan:
    """Three runs of numbers, the last of which needs the first."""
    return plan_of("a", "b", "c", after={"c": ("a",)})


def main(out: Path, what: str) -> None:
    from vgrout.sweep.ray import run_ray

    acted: list[str] = []

    def act(running: Sequence[Running]) -> None:
        folder = out / "runs" / "b"
        if (
            what == "real"
            or acted
            or not all((folder / name).is_file() for name in ("parent", "checkpoint.pt"))
        ):
            return
        acted.append(what)
        if what == "kill":
            os.kill(int((folder / "parent").read_text()), signal.SIGKILL)
        else:
            os.kill(os.getpid(), signal.SIGINT)

    plan = real_plan() if what == "real" else counting_plan()
    commands = VgroutCommands(plan, out / "runs") if what == "real" else Counting({"b": 4})
    watch = Watch(act)
    with SweepFolder.open(out, plan) as folder:
        summary = run_ray(jobs_of(plan), folder, commands, slots=2, view=watch)
    told = {
        "done": sorted(summary.done),
        "failures": [failure.reason for failure in summary.failures],
        "interrupted": summary.interrupted,
        "told": watch.told,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
