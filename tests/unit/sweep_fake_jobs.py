"""Jobs that run `sweep_fake_run.py`; as a script, a sweep of hanging runs that waits to be killed: `OUT`."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Job, jobs_of
from vgrout.sweep.local import run_local
from vgrout.sweep.plans import Cell, Plan
from vgrout.sweep.running import Running, Summary

SCRIPT = Path(__file__).with_name("sweep_fake_run.py")


@dataclass(frozen=True)
class FakeCommands:
    """Each job behaves as its name says in `behaviours`, else it finishes."""

    journal: Path
    behaviours: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, job: Job, folder: Path, *, resume: bool) -> list[str]:
        behaviour = self.behaviours.get(job.name, "ok")
        start = "resume" if resume else "new"
        return [sys.executable, "-S", str(SCRIPT), str(folder), behaviour, start, str(self.journal)]

    def at(self, runs: Path) -> "FakeCommands":
        return self


@dataclass
class Watch:
    """A view that keeps what it is told, and calls `act` at every refresh."""

    act: Callable[[Sequence[Running]], None] = lambda running: None
    told: list[str] = field(default_factory=list)
    most: int = 0

    def skipped(self, jobs: Sequence[Job]) -> None:
        self.told += [f"skipped {job.name}" for job in jobs]

    def started(self, running: Running) -> None:
        self.told.append(f"{'resumed' if running.resumed else 'started'} {running.job.name}")

    def ended(self, running: Running, problem: str | None, *, again: bool) -> None:
        self.told.append(f"{'ok' if problem is None else 'again' if again else 'failed'} {running.job.name}")

    def refresh(self, running: Sequence[Running], waiting: int) -> None:
        self.most = max(self.most, len(running))
        self.act(running)


def plan_of(*names: str, after: Mapping[str, tuple[str, ...]] | None = None) -> Plan:
    waits = after or {}
    cells = tuple(
        Cell(name=name, arm="none", flags=("--seed", str(place)), seed=place, after=waits.get(name, ()))
        for place, name in enumerate(names)
    )
    return Plan(sweep="trial", preset="smoke", seeds=tuple(range(len(names))), cells=cells)


def run_fakes(
    out: Path,
    plan: Plan,
    behaviours: Mapping[str, str] | None = None,
    *,
    slots: int = 2,
    watch: Watch | None = None,
) -> Summary:
    """Run the plan with fake runs in `out`."""
    commands = FakeCommands(out.with_suffix(".journal"), behaviours or {})
    with SweepFolder.open(out, plan) as folder:
        return run_local(jobs_of(plan), folder, commands, slots=slots, view=watch or Watch())


def journal(out: Path) -> list[str]:
    """`NAME new|resume` of every start so far."""
    file = out.with_suffix(".journal")
    return [" ".join(line.split()[:2]) for line in file.read_text().splitlines()] if file.exists() else []


def when_ready(
    names: Sequence[str], number: signal.Signals, times: int = 1
) -> Callable[[Sequence[Running]], None]:
    """Send this process `number` once every one of the runs awaits a signal, and so often in all as they hear it."""
    sent = 0

    def act(running: Sequence[Running]) -> None:
        nonlocal sent
        folders = [entry.folder for entry in running if entry.job.name in names]
        heard = [len(_lines(folder / "heard")) for folder in folders]
        ready = len(folders) == len(names) and all((folder / "ready").is_file() for folder in folders)
        if ready and sent < times and min(heard) >= sent:
            sent += 1
            os.kill(os.getpid(), number)

    return act


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition came to hold in time."""
    waiter = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        waiter.wait(0.02)
    return condition()


def is_alive(pid: int) -> bool:
    """The process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    run_fakes(Path(sys.argv[1]), plan_of("a", "b"), {"a": "hang", "b": "hang"})
