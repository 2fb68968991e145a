"""Runs a sweep's jobs as processes of this machine."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import ONE_THREAD, Commands, Job
from vgrout.sweep.running import Summary, View, run_jobs

_GUARD = Path(__file__).with_name("guard.py")


class LocalProcess:
    """A command in a process group of its own, which the kernel ends with this process."""

    lost = None

    def __init__(
        self, command: list[str], *, out: Path, err: Path, environment: Mapping[str, str] = os.environ
    ) -> None:
        """Start it with its output in two files.

        Raises:
            OSError: it cannot be started.
        """
        # Its own process group: Ctrl-C on the terminal reaches the sweep alone, which passes it on once.
        with out.open("wb") as out_file, err.open("wb") as err_file:
            self._process = subprocess.Popen(  # noqa: S603 - the command is this package's own
                [sys.executable, "-S", "-P", str(_GUARD), str(os.getpid()), *command],
                env={**environment, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                process_group=0,
            )

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on; SIGKILL also to what it started in its group."""
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def end(self) -> None:
        """Kill it and wait for it."""
        self.signal(signal.SIGKILL)
        self._process.wait()


def run_local(
    jobs: Iterable[Job], folder: SweepFolder, commands: Commands, *, slots: int, view: View
) -> Summary:
    """Run the jobs as `run_jobs` says; nothing that was started here outlives the call, nor this process."""

    def launch(job: Job, *, resume: bool) -> LocalProcess:
        command = commands(job, folder.run_path(job.cell.name), resume=resume)
        out, err = (folder.log_path(job, stream) for stream in ("stdout", "stderr"))
        return LocalProcess(command, out=out, err=err)

    return run_jobs(jobs, folder, launch, slots=slots, view=view)
