"""The queue of a sweep's jobs, wherever they run: what waits for what, what is tried again, what stops them."""

import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from vgrout.errors import ConfigError
from vgrout.flags import BAD_INPUT
from vgrout.stops import TakenSignals
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Job

ATTEMPTS = 2
"""Starts of a job that fails by itself."""
LOSSES = 5
"""Starts of a job whose machine is lost under it."""
POLL_S = 0.1
TAIL_LINES = 8


class Process(Protocol):
    """A job that was started."""

    @property
    def lost(self) -> str | None:
        """Why what it ran on is gone; None where it ended by itself."""
        ...

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on; SIGKILL also to what the job started."""
        ...

    def end(self) -> None:
        """Kill it and wait for it; one that has ended is left alone."""
        ...


class Launcher(Protocol):
    """Starts jobs somewhere."""

    def __call__(self, job: Job, *, resume: bool) -> Process:
        """Start a job, from its checkpoint where it is to `resume`.

        Raises:
            OSError, ConfigError: it cannot be started.
        """
        ...


@dataclass
class Running:
    """A job in progress."""

    job: Job
    folder: Path
    process: Process
    resumed: bool
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Wall time since its start."""
        return time.monotonic() - self.started


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A job that is given up."""

    job: Job
    reason: str
    """The last lines of its stderr, or what it waits for."""


@dataclass
class Summary:
    """How the jobs ended."""

    done: list[str] = field(default_factory=list)
    """Jobs that are finished, those of an earlier session included."""
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False


class View(Protocol):
    """Shows a person how a sweep goes."""

    def skipped(self, jobs: Sequence[Job]) -> None:
        """These were finished before."""
        ...

    def started(self, running: Running) -> None:
        """A job was started."""
        ...

    def ended(self, running: Running, problem: str | None, *, again: bool) -> None:
        """A job ended, well or with a problem, after which it is tried `again` or not."""
        ...

    def refresh(self, running: Sequence[Running], waiting: int) -> None:
        """Called several times a second."""
        ...


class StopRequests(TakenSignals):
    """While entered, SIGINT and SIGTERM are counted instead of raised; outside the main thread nothing changes."""

    def __init__(self) -> None:
        """Nothing is installed until the object is entered."""
        super().__init__()
        self.count = 0

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1


def run_jobs(
    jobs: Iterable[Job], folder: SweepFolder, launch: Launcher, *, slots: int, view: View
) -> Summary:
    """Run every job that is not done, `slots` at a time, each when those it waits for are done.

    A job that fails is started once more, from its checkpoint where it has one; bad input (status 2) is not. One that
    is lost with its machine is started up to `LOSSES` times.
    The first SIGINT or SIGTERM passes SIGINT to every job, which saves and stops; the second passes it again, the
    third kills. No job outlives the call.
    """
    queue = _Queue(list(jobs), folder, launch, view)
    stopped = 0
    with StopRequests() as stops:
        try:
            while queue.running or (queue.waiting and not stops.count):
                if not stops.count:
                    queue.start(slots)
                while stopped < stops.count:
                    stopped += 1
                    queue.signal(signal.SIGINT if stopped < 3 else signal.SIGKILL)
                queue.collect(stopping=stops.count > 0)
                view.refresh(queue.running, len(queue.waiting))
                if queue.running:
                    time.sleep(POLL_S)
        finally:
            for running in queue.running:
                running.process.end()
        queue.summary.interrupted = stops.count > 0
    return queue.summary


class _Queue:
    """The jobs of one call and what has become of them."""

    def __init__(self, jobs: Sequence[Job], folder: SweepFolder, start: Launcher, view: View) -> None:
        _check_order(jobs)
        self.running: list[Running] = []
        self.summary = Summary()
        self._folder, self._start, self._view = folder, start, view
        self._attempts: dict[str, int] = {}
        self._losses: dict[str, int] = {}
        finished = [job for job in jobs if folder.state(job) == "done"]
        self.summary.done += [job.name for job in finished]
        self.waiting = [job for job in jobs if job.name not in set(self.summary.done)]
        view.skipped(finished)

    def start(self, slots: int) -> None:
        """Fill free slots with jobs whose turn it is."""
        self._give_up_blocked()
        done = set(self.summary.done)
        for job in [job for job in self.waiting if done.issuperset(job.after)]:
            if len(self.running) >= slots:
                return
            self.waiting.remove(job)
            try:
                self.running.append(self._launch(job))
            except (OSError, ConfigError) as error:
                self.summary.failures.append(Failure(job=job, reason=str(error)))
                continue
            self._view.started(self.running[-1])

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal to every job."""
        for running in self.running:
            running.process.signal(number)

    def collect(self, *, stopping: bool) -> None:
        """Take in the jobs that have ended."""
        for running in list(self.running):
            job, process = running.job, running.process
            status = process.poll()
            if status is None:
                continue
            self.running.remove(running)
            if status == 0 and self._folder.state(job) == "done":
                self.summary.done.append(job.name)
                self._view.ended(running, None, again=False)
                continue
            words = "" if stopping else _tail(self._folder.log_path(job, "stderr"))
            reason = process.lost or f"exit status {status}{words}"
            again = not stopping and self._may_try_again(job, process, status)
            if again:
                self.waiting.insert(0, job)
            elif not stopping:
                self.summary.failures.append(Failure(job=job, reason=reason))
            self._view.ended(running, reason, again=again or stopping)

    def _may_try_again(self, job: Job, process: Process, status: int) -> bool:
        if process.lost is None:
            return status != BAD_INPUT and self._attempts[job.name] < ATTEMPTS
        # No fault of the job's: it keeps its attempts.
        self._attempts[job.name] -= 1
        self._losses[job.name] = self._losses.get(job.name, 0) + 1
        return self._losses[job.name] < LOSSES

    def _give_up_blocked(self) -> None:
        """Drop jobs that wait for one that failed, and so on down the line."""
        lost = {failure.job.name for failure in self.summary.failures}
        for job in list(self.waiting):
            if needed := lost.intersection(job.after):
                self.waiting.remove(job)
                lost.add(job.name)
                reason = f"not started: it needs {', '.join(sorted(needed))}"
                self.summary.failures.append(Failure(job=job, reason=reason))

    def _launch(self, job: Job) -> Running:
        self._attempts[job.name] = self._attempts.get(job.name, 0) + 1
        state = self._folder.state(job)
        if state == "begun":
            self._folder.set_aside(job.cell.name)
        resume = state == "resumable"
        process = self._start(job, resume=resume)
        return Running(job=job, folder=self._folder.run_path(job.cell.name), process=process, resumed=resume)


def _check_order(jobs: Sequence[Job]) -> None:
    """Refuse a plan that could never end: a name that stands twice, or a job that waits for none before it."""
    before: set[str] = set()
    for job in jobs:
        if job.name in before:
            raise ConfigError(f"plan: two jobs are called {job.name}")
        if late := set(job.after) - before:
            raise ConfigError(
                f"plan: {job.name} waits for {', '.join(sorted(late))}, which no job before it is"
            )
        before.add(job.name)


def _tail(path: Path) -> str:
    """The last lines of a log, each on a line of its own; empty where it says nothing."""
    if not path.exists():
        return ""
    lines = [line.rstrip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line][-TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)
