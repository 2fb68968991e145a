"""Runs a sweep's jobs as tasks of a Ray cluster, whose machines need share no file system with this one.

A task is a worker that runs one job as a process of its own in a folder that is removed again. What the job writes is
sent here while it is written, checkpoints included (`parcels`); a job whose worker is lost goes on from what has come.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vgrout.errors import ConfigError
from vgrout.files import lock_folder
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import Commands, Job
from vgrout.sweep.local import LocalProcess
from vgrout.sweep.parcels import Piece, Receiver, Sender, packed, unpack
from vgrout.sweep.running import Summary, View, run_jobs
from vgrout.versions import version_of

SEND_EVERY_S = 1.0
"""How often a worker looks for what is new."""
_PREFIX = "vgrout-sweep-"
CONNECT_HINT = (
    "\nhint: leave `--address` out for a cluster on this machine alone, or give HOST:PORT of one that runs"
)


@dataclass(frozen=True, kw_only=True)
class RayRequest:
    """Where the cluster is and what a job asks of it."""

    address: str | None = None
    """`HOST:PORT` or `auto`; None starts a cluster on this machine for the call."""
    cpus: float = 1.0
    """Processors a job asks for."""
    gpus: float = 0.0
    """Accelerators a job asks for."""


_ALONE = RayRequest()


@dataclass(frozen=True, kw_only=True)
class Order:
    """All that a worker needs to run a job."""

    job: Job
    commands: Commands
    resume: bool
    version: str | None
    """The driver's."""
    folders: dict[str, list[Piece]]
    """Runs that the job goes on from or reads, its own among them, by name."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a worker says: pieces of the run's folder or of a log, or how the job ended."""

    piece: Piece | None = None
    stream: str | None = None
    """The log that the piece belongs to; None for the run's folder."""
    status: int | None = None
    """Exit status, in the last report."""


def require_ray() -> None:
    """Ray is installed; nothing of it is loaded.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("--engine ray: ray is not installed\nhint: install the extra, `vgrout[ray]`")


def run_ray(
    jobs: Iterable[Job],
    folder: SweepFolder,
    commands: Commands,
    *,
    slots: int,
    view: View,
    request: RayRequest = _ALONE,
) -> Summary:
    """Run the jobs as `run_jobs` says, with 0 slots as many as the cluster has room for.

    A cluster that this call starts ends with it.

    Raises:
        ConfigError: ray is not installed, there is no such cluster, or it has not what one job asks for.
    """
    with _cluster(request, slots) as (ray, room):
        work = ray.remote(
            num_cpus=request.cpus, num_gpus=request.gpus, max_retries=0, num_returns="streaming"
        )(_work)
        stop = ray.remote(num_cpus=0)(_Stop)

        def launch(job: Job, *, resume: bool) -> RayProcess:
            own = [job.cell.name] if resume or job.scale is not None else []
            needed = dict.fromkeys((*job.cell.after, *own))
            order = Order(
                job=job,
                commands=commands,
                resume=resume,
                version=version_of("vgrout"),
                folders={name: packed(folder.run_path(name)) for name in needed},
            )
            return RayProcess(ray, work, stop.remote(), order, folder)

        return run_jobs(jobs, folder, launch, slots=slots or room, view=view)


class RayProcess:
    """A job on some worker of the cluster."""

    def __init__(self, ray: Any, work: Any, stop: Any, order: Order, folder: SweepFolder) -> None:
        """Hand the order in; the cluster starts it when it has what the job asks for."""
        self._ray, self._stop = ray, stop
        self._run = Receiver(folder.run_path(order.job.cell.name))
        self._logs = {}
        for stream in ("stdout", "stderr"):
            path = folder.log_path(order.job, stream)
            path.write_bytes(b"")
            self._logs[stream] = Receiver(path.parent)
        self._log_names = {stream: folder.log_path(order.job, stream).name for stream in self._logs}
        self._reports = work.remote(order, stop)
        self._status: int | None = None
        self.lost: str | None = None

    def poll(self) -> int | None:
        """Its exit status; None while it runs. Takes in what has come."""
        while self._status is None:
            ready, _ = self._ray.wait([self._reports], timeout=0)
            if not ready:
                return None
            try:
                self._take(self._ray.get(next(self._reports)))
            except StopIteration:
                self.lost = self.lost or "its worker ended without a word"
                self._status = -1
            except self._ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, ConfigError):
                    raise error.cause from None
                self.lost = f"its worker failed: {error.cause!r}"
                self._status = -1
            except self._ray.exceptions.RayError as error:
                self.lost = f"its worker is lost: {str(error).strip().splitlines()[0]}"
                self._status = -1
        return self._status

    def _take(self, report: Report) -> None:
        if report.status is not None:
            self._status = report.status
        elif report.piece is not None and report.stream is None:
            self._run.take(report.piece)
        elif report.piece is not None and report.stream is not None:
            named = Piece(**(vars(report.piece) | {"name": self._log_names[report.stream]}))
            self._logs[report.stream].take(named)

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on; the job's machine hears of it within a second or two."""
        if number == signal.SIGKILL:
            self._cancel()
        else:
            self._stop.ask.remote()

    def end(self) -> None:
        """Kill it, and the process that it was."""
        self._cancel()

    def _cancel(self) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.cancel(self._reports, force=True)


class _Stop:
    """An actor that counts how often a job was asked to stop."""

    def __init__(self) -> None:
        self._count = 0

    def ask(self) -> None:
        self._count += 1

    def count(self) -> int:
        return self._count


def _work(order: Order, stop: Any) -> Iterator[Report]:
    """A worker's task: run the job, and report what it writes until it ends."""
    own = version_of("vgrout")
    if own != order.version:
        raise ConfigError(
            f"--engine ray: a machine of the cluster has vgrout {own}, this one {order.version}"
            "\nhint: install one version on all"
        )
    _clear_lost()
    place, held = _new_place()
    process: LocalProcess | None = None
    try:
        runs = place / "runs"
        runs.mkdir()
        for name, pieces in order.folders.items():
            unpack(pieces, runs / name)
        folder = runs / order.job.cell.name
        command = order.commands.at(runs)(order.job, folder, resume=order.resume)
        process = LocalProcess(command, out=place / "stdout", err=place / "stderr")
        status, asked = None, 0
        sender, logs = Sender(folder), Sender(place)
        if order.job.scale is not None:
            sender.skip()  # an evaluation adds a file to a run that is done
        while status is None:
            time.sleep(SEND_EVERY_S)
            status = process.poll()
            yield from _reports(sender, logs, whole=status is not None)
            while asked < _asked(stop):
                asked += 1
                process.signal(signal.SIGINT)
        yield Report(status=status)
    finally:
        if process is not None:
            process.end()
        shutil.rmtree(place, ignore_errors=True)
        os.close(held)


def _new_place() -> tuple[Path, int]:
    """An empty folder, and what holds it."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with contextlib.suppress(ConfigError):
            held = lock_folder(place, "--engine ray", "worker")
            if place.is_dir():
                return place, held
            os.close(held)  # another worker took it for lost before it was held


def _clear_lost() -> None:
    """Remove what workers that were killed left on this machine; a living one holds its folder."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(ConfigError):
            held = lock_folder(folder, "--engine ray", "worker")
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _reports(sender: Sender, logs: Sender, *, whole: bool) -> Iterator[Report]:
    if sender.folder.is_dir():
        for piece in sender.pieces(whole=whole):
            yield Report(piece=piece)
    if whole:
        for piece in logs.pieces():
            yield Report(piece=piece, stream=piece.name)


def _asked(stop: Any) -> int:
    """How often the driver has asked the job to stop."""
    import ray

    return int(ray.get(stop.count.remote()))


@contextlib.contextmanager
def _cluster(request: RayRequest, slots: int) -> Iterator[tuple[Any, int]]:
    """The ray module, connected, and how many jobs the cluster has room for.

    Raises:
        ConfigError: it is not installed, cannot be connected, or has too little for one job.
    """
    require_ray()
    # Under `uv run` ray would send the project along and build it anew for every worker, which has what it needs.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray

    local: dict[str, Any] = {"num_cpus": max(1, round(slots * request.cpus)), "include_dashboard": False}
    try:
        try:
            ray.init(
                address=request.address or "local",
                logging_level="ERROR",
                log_to_driver=False,
                **({} if request.address else local),
            )
        except Exception as error:
            # ray raises whatever its parts do, a bare Exception where one starts too slowly.
            reason = str(error).strip().partition("\n")[0]
            raise ConfigError(f"--address: no Ray cluster: {reason}{CONNECT_HINT}") from error
        has, room = ray.cluster_resources(), []
        for name, asked in (("CPU", request.cpus), ("GPU", request.gpus)):
            if has.get(name, 0.0) < asked:
                raise ConfigError(
                    f"--engine ray: a job asks for {asked:g} {name}, the cluster has {has.get(name, 0.0):g}"
                )
            if asked:
                room.append(int(has[name] / asked))
        yield ray, min(room)
    finally:
        ray.shutdown()
        _clear_lost()
