"""What a run leaves behind: one directory of JSON and schema-versioned JSONL files.

A leaf module: it imports nothing of vgrout but errors and schemas, and no torch, so that reports read runs anywhere.

| file | content | reproducible bit for bit |
|---|---|---|
| `config.json` | preset, arm, seed and the resolved configuration; written first | yes |
| `versions.json` | versions of Python and of the packages | yes |
| `metrics.jsonl` | one row a training step, fields of `METRICS` | yes |
| `rollouts.jsonl` | one row a rollout, fields of `ROLLOUTS` | yes |
| `prompts.jsonl` | one row a prompt that training can show, fields of `PROMPTS` | yes |
| `validation.jsonl` | one row a validation (`--eval.every`), fields of `VALIDATION` | yes |
| `timing.jsonl` | one row a step, fields of `TIMING`: seconds and memory | no |
| any other `*.json` | what `RunDir.write_json` was given (`eval.json`, `fence.json` …) | as its writer says |

The columns of the JSONL files stand in `vgrout.schemas`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vgrout.errors import ConfigError, DataError
from vgrout.files import (
    append_whole,
    clear_leftovers,
    lock_folder,
    make_folder,
    make_free_folder,
    replacing,
    writing,
)
from vgrout.schemas import (
    METRICS,
    PROMPTS,
    ROLLOUTS,
    SCHEMAS,
    TIMING,
    VALIDATION,
    Field,
    Schema,
    to_plain,
)

__all__ = [
    "CHECKPOINT",
    "METRICS",
    "PREVIOUS_CHECKPOINT",
    "PROMPTS",
    "ROLLOUTS",
    "SCHEMAS",
    "SWEEP_PLAN",
    "TIMING",
    "VALIDATION",
    "Field",
    "RunDir",
    "Schema",
    "default_run_dir",
    "read_records",
    "total_seconds",
    "write_json_atomic",
]
CHECKPOINT, PREVIOUS_CHECKPOINT = "checkpoint.pt", "checkpoint-previous.pt"
"""The last two states that a run can go on from."""
SWEEP_PLAN = "sweep.json"
"""A sweep's plan, in its folder from the first moment on."""


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


def total_seconds(path: Path) -> float:
    """Wall time that the run in `path` has taken over all its parts, steps that a kill made be made again once."""
    file = path / TIMING.file
    rows = read_records(file, TIMING) if file.is_file() else ()
    return sum(row["total_seconds"] or 0.0 for row in rows)


class RunDir:
    """The directory of one run, held by one writer at a time (an advisory lock on the directory)."""

    def __init__(self, path: Path, lock: int) -> None:
        """Use `create` or `open_for_resume`; `lock` is the locked descriptor of `path`."""
        self.path = path
        self._lock = lock
        self._last_step = dict.fromkeys((schema.file for schema in SCHEMAS), 0)
        self._files: dict[str, int] = {}

    @classmethod
    def create(
        cls, path: Path, *, config: Mapping[str, Any], versions: Mapping[str, Any], numbered: bool = False
    ) -> Self:
        """Make the directory with `config.json` and `versions.json` in it; where `numbered`, under a free name.

        Raises:
            ConfigError: `path` exists and is not `numbered`.
            DataError: `config` or `versions` is not JSON; nothing is left behind.
            StorageError: the disk refuses it; nothing is left behind.
        """
        if numbered:
            path = make_free_folder(path, "--run-dir")
        else:
            try:
                make_folder(path, "--run-dir")
            except FileExistsError as error:
                begun = (path / "config.json").is_file() and not (path / CHECKPOINT).is_file()
                remedy = (
                    "move it away: its run ended before its first checkpoint"
                    if begun
                    else "continue that run with --resume"
                )
                raise ConfigError(
                    f"--run-dir: {path} exists, expected a path that does not"
                    f"\nhint: name another directory, or {remedy}"
                ) from error
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, path)
            run_dir = cls(path, lock_folder(path, "--run-dir", "process"))
            undo.enter_context(run_dir)
            run_dir.write_config(config)
            run_dir.write_json("versions", {"schema": 1, **versions})
            run_dir._open_files()
            undo.pop_all()
        return run_dir

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace `config.json` by what a resumed run goes on with."""
        self.write_json("config", {"schema": 1, **config})

    @classmethod
    def open_for_resume(cls, path: Path) -> Self:
        """Hold a run's directory, to read what it goes on from; `go_on_after` then takes rows.

        Raises:
            ConfigError: `path` is not a run directory, or another process is writing to it.
        """
        if not (path / "config.json").is_file():
            raise ConfigError(
                f"--resume: {path} is not a run directory: it has no config.json"
                "\nhint: give the folder of a run that vgrout-train wrote"
            )
        return cls(path, lock_folder(path, "--resume", "process"))

    def go_on_after(self, step: int, *, validated_every: int = 0) -> None:
        """Continue the run from the checkpoint taken after optimiser step `step`.

        Rows of later steps and a last line cut short by a kill are dropped, so that the continued files equal
        those of a run that was never interrupted. What a killed save left is removed. `validated_every` steps were
        validated; 0 where none was.

        Raises:
            DataError: a row is malformed, or rows up to `step` are missing.
            StorageError: the disk refuses it.
        """
        self._last_step = _drop_rows_after(self.path, step, validated_every)
        clear_leftovers(self.path)
        self._open_files()

    def write_metrics(self, record: Mapping[str, Any]) -> None:
        """Append one row to `metrics.jsonl`."""
        self._append(METRICS, [record])

    def write_rollouts(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append one row a rollout to `rollouts.jsonl`; all of them or, if one is malformed, none."""
        self._append(ROLLOUTS, records)

    def write_timing(self, record: Mapping[str, Any]) -> None:
        """Append one row to `timing.jsonl`."""
        self._append(TIMING, [record])

    def write_validation(self, record: Mapping[str, Any]) -> None:
        """Append one row to `validation.jsonl`, which is there once something was validated."""
        if self._files and VALIDATION.file not in self._files:
            self._open(VALIDATION)
        self._append(VALIDATION, [record])

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
        for name, descriptor in self._files.items():
            with writing(self.path / name):
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
        path, descriptor = self.path / schema.file, self._files.get(schema.file)
        if descriptor is None:
            raise DataError(f"{path}: the run directory is closed")
        append_whole(path, descriptor, b"".join(lines))
        self._last_step[schema.file] = last

    def _open_files(self) -> None:
        for schema in SCHEMAS:
            if schema is not VALIDATION:
                self._open(schema)

    def _open(self, schema: Schema) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with writing(self.path / schema.file):
            self._files[schema.file] = os.open(self.path / schema.file, flags, 0o644)


def _line(row: Mapping[str, Any]) -> bytes:
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A model can write half of a surrogate pair, which has no UTF-8.
    return f"{text}\n".encode("utf-8", "backslashreplace")


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
                raise DataError(
                    f"{where}: not a JSON object: {error}"
                    "\nhint: put the file back as the run left it, or leave the run out"
                ) from error
            if not line.endswith(b"\n") and not isinstance(row, dict):
                return
            yield end, schema.decode(row, where)


def _rows_until(path: Path, schema: Schema, step: int) -> tuple[int, Counter[int]]:
    """Where the file's last row of a step up to `step` ends, and how many rows are of each step."""
    keep, rows = 0, Counter[int]()
    for end, record in _scan(path, schema) if path.exists() else ():
        if record["step"] > step:
            break
        keep = end
        rows[record["step"]] += 1
    return keep, rows


def _cut(path: Path, keep: int) -> None:
    """Leave the file's first `keep` bytes, whole lines, on the disk."""
    with writing(path), path.open("r+b") as file:
        file.truncate(keep)
        file.seek(max(0, keep - 1))
        if keep and file.read(1) != b"\n":
            file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())


def _drop_rows_after(path: Path, step: int, validated_every: int) -> dict[str, int]:
    """Cut every file behind `step`, none before all were read; their last rows' steps."""
    found = {schema: _rows_until(path / schema.file, schema, step) for schema in SCHEMAS}
    _refuse_gaps(path, step, validated_every, {schema: rows for schema, (_, rows) in found.items()})
    for schema, (keep, _) in found.items():
        if (path / schema.file).exists():
            _cut(path / schema.file, keep)
    return {schema.file: max(rows, default=0) for schema, (_, rows) in found.items()}


def _refuse_gaps(path: Path, last: int, validated_every: int, found: Mapping[Schema, Counter[int]]) -> None:
    """Every step up to `last` has its row of metrics, as many rollouts as that counts, and its validation if any."""
    metrics = path / METRICS.file
    rollouts = (
        {row["step"]: row["rollouts"] for row in read_records(metrics, METRICS)} if found[METRICS] else {}
    )
    steps = range(1, last + 1)
    expected: dict[Schema, dict[int, int | None]] = {
        METRICS: dict.fromkeys(steps, 1),
        ROLLOUTS: {step: rollouts.get(step) for step in steps},
        VALIDATION: dict.fromkeys(steps[validated_every - 1 :: validated_every], 1)
        if validated_every
        else {},
    }
    for schema, counts in expected.items():
        rows = found[schema]
        end = max(rows, default=0)
        for step, count in counts.items():
            if rows[step] and count in (None, rows[step]):
                continue
            what = f"{rows[step]} rows are of step {step} in the place of {count or 'some'}"
            if end < step:
                what = f"the last complete row is of step {end}"
            raise DataError(
                f"{path / schema.file}: {what}, but the checkpoint is of step {last}"
                "\nhint: put the file back as the run left it, or start the run again under a new `--run-dir`"
            )
