"""Runs a sweep's jobs as processes of this machine, so many at a time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Protocol, Self

from vgrout.errors import ConfigError
from vgrout.flags import BAD_INPUT
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import ONE_THREAD, Commands, Job

ATTEMPTS = 2
POLL_S = 0.1
TAIL_LINES = 8
_GUARD = Path(__file__).with_name("guard.py")


@dataclass
class Running:
    """A job's process."""

    job: Job
    folder: Path
    process: subprocess.Popen[bytes]
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
        """A process was started."""
        ...

    def ended(self, running: Running, problem: str | None, *, again: bool) -> None:
        """A process ended, well or with a problem, after which it is tried `again` or not."""
        ...

    def refresh(self, running: Sequence[Running], waiting: int) -> None:
        """Called several times a second."""
        ...


class StopRequests:
    """While entered, SIGINT and SIGTERM are counted instead of raised; outside the main thread nothing changes."""

    def __init__(self) -> None:
        """Nothing is installed until the object is entered."""
        self.count = 0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1


def run_local(
    jobs: Iterable[Job], folder: SweepFolder, commands: Commands, *, slots: int, view: View
) -> Summary:
    """Run every job that is not done, `slots` at a time, each when those it waits for are done.

    A job that fails is started once more, from its checkpoint where it has one; bad input (status 2) is not.
    The first SIGINT or SIGTERM passes SIGINT to every process, which saves and stops; the second passes it again,
    the third kills. Nothing that was started here outlives the call, nor this process.
    """
    queue = _Queue(list(jobs), folder, commands, view)
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
            queue.signal(signal.SIGKILL)
            for running in queue.running:
                running.process.wait()
        queue.summary.interrupted = stops.count > 0
    return queue.summary


class _Queue:
    """The jobs of one call and what has become of them."""

    def __init__(self, jobs: Sequence[Job], folder: SweepFolder, commands: Commands, view: View) -> None:
        _check_order(jobs)
        self.running: list[Running] = []
        self.summary = Summary()
        self._folder, self._commands, self._view = folder, commands, view
        self._attempts: dict[str, int] = {}
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
        """Pass a signal to every process; SIGKILL also to what it started in its group."""
        for running in self.running:
            try:
                if number == signal.SIGKILL:
                    os.killpg(running.process.pid, number)
                else:
                    running.process.send_signal(number)
            except ProcessLookupError:
                continue

    def collect(self, *, stopping: bool) -> None:
        """Take in the processes that have ended."""
        for running in [running for running in self.running if running.process.poll() is not None]:
            self.running.remove(running)
            job, status = running.job, running.process.returncode
            if status == 0 and self._folder.state(job) == "done":
                self.summary.done.append(job.name)
                self._view.ended(running, None, again=False)
                continue
            words = "" if stopping else _tail(self._folder.log_path(job, "stderr"))
            reason = f"exit status {status}{words}"
            again = not stopping and status != BAD_INPUT and self._attempts[job.name] < ATTEMPTS
            if again:
                self.waiting.insert(0, job)
            elif not stopping:
                self.summary.failures.append(Failure(job=job, reason=reason))
            self._view.ended(running, reason, again=again or stopping)

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
        folder = self._folder.run_path(job.cell.name)
        command = self._commands(job, folder, resume=state == "resumable")
        # Its own process group: Ctrl-C on the terminal reaches the sweep alone, which passes it on once.
        with (
            self._folder.log_path(job, "stdout").open("wb") as out,
            self._folder.log_path(job, "stderr").open("wb") as err,
        ):
            process = subprocess.Popen(  # noqa: S603 - the command is this package's own
                [sys.executable, "-S", "-P", str(_GUARD), str(os.getpid()), *command],
                env=os.environ | ONE_THREAD,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
            )
        return Running(job=job, folder=folder, process=process, resumed=state == "resumable")


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
    lines = [line.rstrip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line][-TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)
