"""One file that holds everything a run needs to go on from the end of a step.

Data order, prompt shares, demonstrations and the sampler's numbers are functions of (seed, step), so that no
generator's state is stored: the step number is that state. The learning rate is a function of the step as well.
"""

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vgrout.errors import ConfigError, DataError
from vgrout.files import replacing
from vgrout.routing import Direction

FORMAT = "vgrout.checkpoint/1"
FILE = "checkpoint.pt"
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


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Put the checkpoint at `path`: a reader sees the old file or the new one, never half of one."""
    direction = checkpoint.direction
    plain = {
        "format": FORMAT,
        "step": checkpoint.step,
        "adapter": _without_arrays(checkpoint.adapter),
        "optimizer": _without_arrays(checkpoint.optimizer),
        "arm": _without_arrays(checkpoint.arm),
        "guard": dict(checkpoint.guard),
        "direction": None if direction is None else asdict(direction),
        "direction_step": checkpoint.direction_step,
    }
    with replacing(path) as file:
        torch.save(plain, file)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint back, tensors on the CPU.

    Raises:
        ConfigError: there is none.
        DataError: the file is damaged or of another version.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path.parent}: has no {path.name}: the run stopped before its first checkpoint"
            "\nhint: start it again under a new `--run-dir`"
        )
    try:
        plain = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        # torch's own words advise to load it unsafely.
        raise DataError(
            f"{path}: is damaged: it is no checkpoint\nhint: start the run again under a new `--run-dir`"
        ) from error
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise DataError(f"{path}: is not of format {FORMAT}")
    direction = plain["direction"]
    return Checkpoint(
        step=plain["step"],
        adapter=_with_arrays(plain["adapter"]),
        optimizer=_with_arrays(plain["optimizer"]),
        arm=_with_arrays(plain["arm"]),
        guard=plain["guard"],
        direction=None if direction is None else Direction(**direction),
        direction_step=plain["direction_step"],
    )


def _without_arrays(value: Any) -> Any:
    """The same structure with NumPy arrays as tagged tensors: the safe loader knows no arrays."""
    if isinstance(value, np.ndarray):
        # Bit patterns, because torch has no unsigned types of every width.
        return {_ARRAY: str(value.dtype), "shape": list(value.shape), "bytes": _bytes(value.tobytes())}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bytes, bytearray)):
        return {_ARRAY: "bytes", "shape": [], "bytes": _bytes(bytes(value))}
    if isinstance(value, Mapping):
        return {key: _without_arrays(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_arrays(entry) for entry in value)
    return value


def _with_arrays(value: Any) -> Any:
    """Undo `_without_arrays`."""
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
