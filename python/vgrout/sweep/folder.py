"""A sweep's directory: its plan, one folder a run, the logs; held by one sweep at a time."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from vgrout.artifacts import CHECKPOINT, PREVIOUS_CHECKPOINT, SWEEP_PLAN, write_json_atomic
from vgrout.errors import ConfigError, DataError
from vgrout.files import clear_leftovers, lock_folder, make_folder, make_free_folder
from vgrout.sweep.jobs import Job
from vgrout.sweep.outcomes import read_json
from vgrout.sweep.plans import Plan
from vgrout.versions import version_of

State = Literal["new", "begun", "resumable", "done"]


def default_out(sweep: str, now: datetime | None = None) -> Path:
    """`runs/NAME-UTC`, the time to the second."""
    return Path("runs") / f"{sweep}-{(now or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}"


class SweepFolder:
    """An open sweep directory; leaving the context releases it."""

    def __init__(self, path: Path, lock: int, sessions: Sequence[Mapping[str, Any]]) -> None:
        """Use `open`; `lock` is the locked descriptor of `path`."""
        self.path = path
        self.sessions = tuple(sessions)
        self._lock = lock

    @classmethod
    def open(cls, path: Path, plan: Plan, *, numbered: bool = False) -> Self:
        """Create the directory or go on in it, and record the plan and what it is run with.

        A plan may grow: the same one over more seeds goes on where it stood, and each session says its seeds. Where
        `numbered`, a new directory is created under a free name.

        Raises:
            ConfigError: another sweep holds it, its plan is another one, or it is no sweep's directory.
        """
        if numbered:
            path = make_free_folder(path, "--out")
        elif not path.is_dir():
            with contextlib.suppress(FileExistsError):
                make_folder(path, "--out")
        lock = lock_folder(path, "--out", "sweep")
        try:
            sessions = [*_recorded_sessions(path, plan), session() | {"seeds": list(plan.seeds)}]
            clear_leftovers(path)
            for name in ("runs", "logs"):
                (path / name).mkdir(exist_ok=True)
            # The key `sweep` would make a report take this file for the result.
            write_json_atomic(path / SWEEP_PLAN, {"schema": 1, "plan": plan.to_json(), "sessions": sessions})
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, sessions)

    def run_path(self, name: str) -> Path:
        """Folder of the run of that name."""
        return self.path / "runs" / name

    def log_path(self, job: Job, stream: str) -> Path:
        """Where a job's stdout or stderr goes."""
        return self.path / "logs" / f"{job.name.replace(' ', '-')}.{stream}"

    def state(self, job: Job) -> State:
        """How far a job has come; `begun` has no checkpoint to go on from."""
        folder = self.run_path(job.cell.name)
        if job.scale is not None:
            return "done" if job.scale in _scales(folder) else "new"
        if _is_evaluated(folder):
            return "done"
        if any((folder / name).is_file() for name in (CHECKPOINT, PREVIOUS_CHECKPOINT)):
            return "resumable"
        return "begun" if os.path.lexists(folder) else "new"

    def set_aside(self, name: str) -> Path:
        """Move a run's folder out of the way, to `set-aside/`; nothing is deleted.

        Raises:
            ConfigError: it is a link or no folder, or a process is still writing to it.
        """
        folder = self.run_path(name)
        if folder.is_symlink() or not folder.is_dir():
            raise ConfigError(f"--out: {folder} is no folder of this sweep's making\nhint: move it elsewhere")
        os.close(lock_folder(folder, "--out", "run"))
        place = self.path / "set-aside"
        place.mkdir(exist_ok=True)
        number = 1
        while os.path.lexists(place / f"{name}-{number}"):
            number += 1
        return folder.rename(place / f"{name}-{number}")

    def close(self) -> None:
        """Release the directory; a second call does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def session() -> dict[str, Any]:
    """What this process runs: time, version and, in a checkout, the commit and whether files differ from it."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"started_utc": started, "version": version_of("vgrout"), **_checkout(Path(__file__).parents[1])}


def _checkout(package: Path) -> dict[str, Any]:
    """Commit and dirty flag of the checkout that tracks the package; null where none does."""
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    commit = _git(package, "rev-parse", "HEAD") if tracked else None
    if not commit:
        return {"commit": None, "dirty": None}
    changed = _git(package, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _recorded_sessions(path: Path, plan: Plan) -> list[dict[str, Any]]:
    """Sessions of the sweep that the directory holds; none in an empty one."""
    file = path / SWEEP_PLAN
    if not file.is_file():
        if any(path.iterdir()):
            raise ConfigError(
                f"--out: {path} is not empty and holds no {SWEEP_PLAN}\nhint: name a new directory"
            )
        return []
    stored = read_json(file)
    if stored.get("schema") != 1 or not isinstance(stored.get("plan"), dict):
        raise DataError(f"{file}: field `schema`: found {stored.get('schema')!r}, expected 1 and a plan")
    # Through JSON, so that both sides hold the same types.
    wanted = json.loads(json.dumps(plan.to_json()))
    for difference in plan_differences(stored["plan"], wanted):
        raise ConfigError(
            f"--out: {path} holds another plan: {difference}"
            "\nhint: give the flags of its start, or name a new directory"
        )
    return list(stored.get("sessions", []))


def plan_differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Say in words what differs between two plans, but for seeds that the wanted one adds."""
    for name in ("sweep", "preset", "extra"):
        if stored.get(name) != wanted.get(name):
            yield f"{name} is {stored.get(name)} there and {wanted.get(name)} here"
    seeds = stored.get("seeds")
    if not isinstance(seeds, list) or wanted["seeds"][: len(seeds)] != seeds:
        yield f"seeds is {seeds} there and {wanted['seeds']} here"
        return
    before = {cell.get("name"): cell for cell in stored.get("cells", [])}
    after = {cell["name"]: cell for cell in wanted["cells"]}
    grown = {name for name, cell in after.items() if cell["seed"] not in seeds}
    for name in [*before, *(name for name in after if name not in before and name not in grown)]:
        if name not in after or name not in before:
            yield f"cell {name} stands only {'there' if name in before else 'here'}"
            continue
        for field, value in after[name].items():
            if before[name].get(field) != value:
                yield f"{field} of cell {name} is {before[name].get(field)} there and {value} here"


def _is_evaluated(folder: Path) -> bool:
    """Whether the run's evaluation can be read; a damaged one is made again from the checkpoint."""
    try:
        read_json(folder / "eval.json")
    except DataError:
        return False
    return True


def _scales(folder: Path) -> set[float]:
    """Quarantine scales at which the run was evaluated."""
    return {
        float(value)
        for file in folder.glob("eval-scale-*.json")
        if isinstance(value := read_json(file).get("quarantine_scale"), int | float)
    }
