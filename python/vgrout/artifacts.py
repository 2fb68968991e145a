"""What a run leaves behind: one directory of JSON and schema-versioned JSONL files.

A leaf module: it imports nothing of vgrout but errors and schemas, and no torch, so that reports read runs anywhere.

| file | content | reproducible bit for bit |
|---|---|---|
| `config.json` | preset, arm, seed and the resolved configuration; written first | yes |
| `versions.json` | versions of Python and of the packages | yes |
| `metrics.jsonl` | one row a training step, fields of `METRICS` | yes |
| `rollouts.jsonl` | one row a rollout, fields of `ROLLOUTS` | yes |
| `prompts.jsonl` | one row a prompt that training can show, fields of `PROMPTS` | yes |
| `timing.jsonl` | one row a step, fields of `TIMING`: seconds and memory | no |
| any other `*.json` | what `RunDir.write_json` was given (`eval.json`, `fence.json` …) | as its writer says |

The columns of the JSONL files stand in `vgrout.schemas`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vgrout.errors import ConfigError, DataError
from vgrout.files import replacing
from vgrout.schemas import METRICS, PROMPTS, ROLLOUTS, SCHEMAS, TIMING, Field, Schema, to_plain

__all__ = [
    "METRICS",
    "PROMPTS",
    "ROLLOUTS",
    "SCHEMAS",
    "TIMING",
    "Field",
    "RunDir",
    "Schema",
    "default_run_dir",
    "read_records",
    "write_json_atomic",
]


def default_run_dir(preset: str, arm: str, seed: int, now: datetime | None = None) -> Path:
    """`runs/PRESET-ARM-sSEED-UTC`, the time to the second."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return Path("runs") / f"{preset}-{arm}-s{seed}-{moment:%Y%m%dT%H%M%SZ}"


def write_json_atomic(path: Path, value: Any) -> None:
    """Put `value` at `path` as indented JSON; a reader sees the old file or the new one, never half of one.

    Dataclasses become objects, paths strings, NumPy scalars and arrays numbers and lists.

    Raises:
        DataError: `value` holds something JSON cannot, NaN and infinities included; nothing is written.
    """
    try:
        text = json.dumps(value, indent=2, default=to_plain, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be written as JSON: {error}") from error
    with replacing(path) as file:
        file.write(f"{text}\n".encode())


def read_records(path: Path, schema: Schema) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file as records, in order; a last line cut short by a kill is left out.

    Raises:
        DataError: naming file and line, when any other line is malformed or of another version.
    """
    for _, record in _scan(path, schema):
        yield record


class RunDir:
    """The directory of one run, held by one writer at a time (an advisory lock on the directory)."""

    def __init__(self, path: Path, lock: int) -> None:
        """Use `create` or `open_for_resume`; `lock` is the locked descriptor of `path`."""
        self.path = path
        self._lock = lock
        self._last_step = dict.fromkeys((schema.file for schema in SCHEMAS), 0)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._files = {s.file: os.open(path / s.file, flags, 0o644) for s in SCHEMAS}

    @classmethod
    def create(cls, path: Path, *, config: Mapping[str, Any], versions: Mapping[str, Any]) -> Self:
        """Make the directory with `config.json` and `versions.json` in it.

        Raises:
            ConfigError: `path` exists.
            DataError: `config` or `versions` is not JSON; nothing is left behind.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError as error:
            raise ConfigError(
                f"--run-dir: {path} exists, expected a path that does not"
                "\nhint: name another directory, or continue that run with --resume"
            ) from error
        except OSError as error:
            raise ConfigError(f"--run-dir: cannot create {path}: {error.strerror}") from error
        try:
            write_json_atomic(path / "config.json", _stored_config(config))
            write_json_atomic(path / "versions.json", {"schema": 1, **versions})
            return cls(path, _locked(path))
        except BaseException:
            for leftover in path.iterdir():
                leftover.unlink()
            path.rmdir()
            raise

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace `config.json` by what a resumed run goes on with."""
        write_json_atomic(self.path / "config.json", _stored_config(config))

    @classmethod
    def open_for_resume(cls, path: Path, step: int) -> Self:
        """Continue a run from the checkpoint taken after optimiser step `step`.

        Rows of later steps and a last line cut short by a kill are dropped, so that the continued files equal
        those of a run that was never interrupted.

        Raises:
            ConfigError: `path` is not a run directory, or another process is writing to it.
            DataError: a row is malformed, or rows up to `step` are missing from `metrics.jsonl`.
        """
        if not (path / "config.json").is_file():
            raise ConfigError(f"--resume: {path} is not a run directory: it has no config.json")
        lock = _locked(path)
        try:
            last = _drop_rows_after(path, step)
        except BaseException:
            os.close(lock)
            raise
        run_dir = cls(path, lock)
        run_dir._last_step.update(last)
        return run_dir

    def write_metrics(self, record: Mapping[str, Any]) -> None:
        """Append one row to `metrics.jsonl`."""
        self._append(METRICS, [record])

    def write_rollouts(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append one row a rollout to `rollouts.jsonl`; all of them or, if one is malformed, none."""
        self._append(ROLLOUTS, records)

    def write_timing(self, record: Mapping[str, Any]) -> None:
        """Append one row to `timing.jsonl`."""
        self._append(TIMING, [record])

    def write_prompts(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write `prompts.jsonl`, once and whole."""
        with replacing(self.path / PROMPTS.file) as file:
            for record in records:
                file.write(_line(PROMPTS.encode(record)))

    def write_json(self, name: str, value: Any) -> Path:
        """Write `NAME.json` (replacing it whole) and return its path."""
        path = self.path / f"{name}.json"
        write_json_atomic(path, value)
        return path

    def sync(self) -> None:
        """Every row written so far is on the disk; call it before a checkpoint refers to them."""
        for descriptor in self._files.values():
            os.fsync(descriptor)

    def close(self) -> None:
        """Release the files and the lock; a second call does nothing."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, schema: Schema, records: Iterable[Mapping[str, Any]]) -> None:
        lines, last = [], self._last_step[schema.file]
        for record in records:
            row = schema.encode(record)
            if row["step"] < last:
                raise DataError(
                    f"{schema.file}: field `step`: {row['step']} follows {last}; steps never go back"
                )
            last = row["step"]
            lines.append(_line(row))
        if schema.file not in self._files:
            raise DataError(f"{self.path / schema.file}: the run directory is closed")
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._files[schema.file], data) :]
        self._last_step[schema.file] = last


def _line(row: Mapping[str, Any]) -> bytes:
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A model can write half of a surrogate pair, which has no UTF-8.
    return f"{text}\n".encode("utf-8", "backslashreplace")


def _stored_config(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": 1, **config}


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigError(
            f"--run-dir: another process is writing to {path}\nhint: wait for it or stop it"
        ) from error
    return descriptor


def _scan(path: Path, schema: Schema) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records with the byte offset behind each; a last line that a kill cut short is left out."""
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            end += len(line)
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                if not line.endswith(b"\n"):
                    return
                raise DataError(f"{where}: not a JSON object: {error}") from error
            if not line.endswith(b"\n") and not isinstance(row, dict):
                return
            yield end, schema.decode(row, where)


def _drop_after(path: Path, schema: Schema, step: int) -> int:
    """Cut the file behind its last row of a step up to `step`; that row's step, or 0."""
    if not path.exists():
        return 0
    keep, last = 0, 0
    for end, record in _scan(path, schema):
        if record["step"] > step:
            break
        keep, last = end, record["step"]
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.truncate(keep)
        file.seek(max(0, min(keep, size) - 1))
        if keep and file.read(1) != b"\n":
            file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())
    return last


def _drop_rows_after(path: Path, step: int) -> dict[str, int]:
    last = {schema.file: _drop_after(path / schema.file, schema, step) for schema in SCHEMAS}
    if last[METRICS.file] != step:
        raise DataError(
            f"{path / METRICS.file}: the last complete row is of step {last[METRICS.file]}, "
            f"but the checkpoint is of step {step}\nhint: resume from an earlier checkpoint"
        )
    return last
