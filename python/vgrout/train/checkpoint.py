"""One file that holds everything a run needs to go on from the end of a step.

Data order, prompt shares, demonstrations and the sampler's numbers are functions of (seed, step), so that no
generator's state is stored: the step number is that state. The learning rate is a function of the step as well.
"""

import hashlib
import io
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vgrout.artifacts import CHECKPOINT, PREVIOUS_CHECKPOINT
from vgrout.config import TrainConfig
from vgrout.config_file import lasting_settings, load_config
from vgrout.errors import ConfigError, DataError
from vgrout.files import replacing
from vgrout.routing import Direction

FORMAT = "vgrout.checkpoint/2"
log = logging.getLogger(__name__)
_VERSIONS = re.compile(rb"vgrout\.checkpoint/\d+")
_ANEW = "\nhint: start the run again under a new `--run-dir`"
_ARRAY = "numpy array"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """State after the `step`-th optimiser step."""

    step: int
    adapter: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    arm: Mapping[str, Any]
    """The gate's memory, the score buffer included."""
    guard: Mapping[str, Any]
    direction: Direction | None
    direction_step: int
    """The step at whose start the direction was extracted."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What `lasting_settings` gives of the run; empty in files that an earlier version wrote."""


def save(path: Path, checkpoint: Checkpoint, *, previous: Path | None = None) -> None:
    """Put the checkpoint at `path`, its digest behind it: a reader sees the old file or the new one whole.

    With `previous` the old file moves there, once the new one is on the disk.

    Raises:
        StorageError: the disk refuses it; `path` stays as it was.
    """
    direction = checkpoint.direction
    plain = {
        "format": FORMAT,
        "step": checkpoint.step,
        "adapter": checkpoint.adapter,
        "optimizer": checkpoint.optimizer,
        "arm": checkpoint.arm,
        "guard": checkpoint.guard,
        "direction": None if direction is None else asdict(direction),
        "direction_step": checkpoint.direction_step,
        "settings": dict(checkpoint.settings),
    }
    buffer = io.BytesIO()
    torch.save(_plain(plain), buffer)
    content = buffer.getbuffer()
    with replacing(path, keep=previous) as file:
        file.write(content)
        file.write(_seal(content))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint back, tensors on the CPU.

    Raises:
        ConfigError: there is none.
        DataError: the file is empty, damaged, of another version, or no checkpoint.
    """
    try:
        data = memoryview(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path.parent}: has no {path.name}: the run stopped before its first checkpoint{_ANEW}"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}{_ANEW}") from error
    content = data[:-_SEAL_BYTES]
    if data[-_SEAL_BYTES:] != _seal(content):
        raise DataError(f"{path}: {_what_is_wrong(data)}{_ANEW}")
    # Nothing is unpickled that we did not write.
    plain = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    direction = plain["direction"]
    return Checkpoint(
        step=plain["step"],
        adapter=_with_arrays(plain["adapter"]),
        optimizer=_with_arrays(plain["optimizer"]),
        arm=_with_arrays(plain["arm"]),
        guard=plain["guard"],
        direction=None if direction is None else Direction(**direction),
        direction_step=plain["direction_step"],
        settings=plain.get("settings", {}),
    )


def load_last(folder: Path) -> tuple[Checkpoint, Path]:
    """The run's last checkpoint that is whole, with a warning where that is the one before the last; and its file.

    Raises:
        ConfigError: there is none.
        DataError: none can be read; the message is of the last.
    """
    newest, previous = folder / CHECKPOINT, folder / PREVIOUS_CHECKPOINT
    try:
        return load(newest), newest
    except (ConfigError, DataError) as error:
        try:
            saved = load(previous)
        except (ConfigError, DataError):
            raise error from None
        first_line = str(error).partition("\n")[0]
        log.warning("%s; going on from %s, of step %d", first_line, previous.name, saved.step)
        return saved, previous


def load_run(folder: Path) -> tuple[TrainConfig, Checkpoint, Path]:
    """A run's settings and its last checkpoint that is whole, which was made with them; and that one's file.

    Raises:
        ConfigError: there is no run, or no checkpoint.
        DataError: one of the two cannot be read, or they are not of one run.
    """
    config = load_config(folder / "config.json")
    saved, file = load_last(folder)
    check_settings(saved, file, config)
    return config, saved, file


def check_settings(saved: Checkpoint, file: Path, config: TrainConfig) -> None:
    """The checkpoint read from `file` was made with the settings in the `config.json` beside it.

    Raises:
        DataError: it was made with others, of this run before they were changed or of another; it says which.
    """
    now = lasting_settings(config)
    others = [
        f"{name} = {now[name]!r}, not {value!r}"
        for name, value in saved.settings.items()
        if name in now and now[name] != value
    ]
    if others:
        raise DataError(
            f"{file.with_name('config.json')}: {'; '.join(others)}, with which {file.name} was made"
            "\nhint: put back whichever of the two was changed, or start a new run"
        )


@contextmanager
def fitting(
    file: Path | str, remedy: str = "put back the run's own checkpoint, or start a new run"
) -> Iterator[None]:
    """What of the checkpoint in `file` does not fit the run inside is said of the file.

    Raises:
        DataError: with `remedy`, in the place of one without the two.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{file}: {error}\nhint: {remedy}") from error


def _seal(content: memoryview) -> bytes:
    return f"\n{FORMAT} sha256 {hashlib.sha256(content).hexdigest()}\n".encode()


def _what_is_wrong(data: memoryview) -> str:
    """Of a file without a right seal: how it came to that, as far as its bytes tell."""
    if not data:
        return "is empty"
    versions = set(_VERSIONS.findall(data))
    if not versions:
        return "is no checkpoint of vgrout"
    if FORMAT.encode() in versions:
        return "is damaged: its bytes are not those that were saved"
    return f"is of {min(versions).decode()}, and this version of vgrout reads {FORMAT}"


_SEAL_BYTES = len(_seal(memoryview(b"")))


def _plain(value: Any) -> Any:
    """The same structure with NumPy arrays as tagged tensors: the safe loader knows no arrays.

    Equal strings become one object, so that equal states are equal files, whether they were read back or not.
    """
    if isinstance(value, np.ndarray):
        # Bit patterns, because torch has no unsigned types of every width.
        return {
            _ARRAY: sys.intern(str(value.dtype)),
            "shape": list(value.shape),
            "bytes": _bytes(value.tobytes()),
        }
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bytes, bytearray)):
        return {_ARRAY: "bytes", "shape": [], "bytes": _bytes(bytes(value))}
    if isinstance(value, Mapping):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(entry) for entry in value)
    return sys.intern(value) if type(value) is str else value


def _with_arrays(value: Any) -> Any:
    """Undo `_plain`."""
    if isinstance(value, dict):
        if _ARRAY in value:
            raw = value["bytes"].numpy().tobytes()
            if value[_ARRAY] == "bytes":
                return raw
            return np.frombuffer(raw, dtype=value[_ARRAY]).reshape(value["shape"]).copy()
        return {key: _with_arrays(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_arrays(entry) for entry in value)
    return value


def _bytes(raw: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8) if raw else torch.zeros(0, dtype=torch.uint8)
