"""A `TrainConfig` on disk: what `config.json` holds."""

import json
from pathlib import Path
from typing import Any

from vgrout.config import TrainConfig
from vgrout.errors import ConfigError, DataError
from vgrout.settings import from_json, leaves, plain_value

_HINT = "\nhint: give the folder of a run that vgrout-train wrote, in this version"
RESUME_MAY_CHANGE = frozenset(
    {
        "steps", "device", "run_dir", "resume", "checkpoint_every", "checkpoint_minutes", "base.threads", "base.shard", "trackers",
        "rollouts.url", "rollouts.adapter_dir", "rollouts.timeout_s", "rollouts.memory_share", "ranks.timeout_s",
    }
)  # fmt: skip
"""Settings that a run may have others of when it goes on."""


def load_config(path: Path) -> TrainConfig:
    """Read the config of a run.

    Raises:
        ConfigError: the file is missing.
        DataError: it is not JSON or does not hold a config; the message names the field.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{_HINT}") from error
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}{_HINT}") from error
    if not isinstance(plain, dict):
        raise DataError(f"{path}: holds a {type(plain).__name__}, expected an object{_HINT}")
    plain.pop("schema", None)
    try:
        return from_json(TrainConfig, json.dumps(plain), str(path))
    except DataError as error:
        raise DataError(f"{error}{_HINT}") from error


def changed_settings(old: TrainConfig, new: TrainConfig) -> list[tuple[str, object, object]]:
    """Settings in which two configs differ, as (dotted name, old value, new value)."""
    before = dict(leaves(old))
    return [(name, before[name], value) for name, value in leaves(new) if before[name] != value]


def refuse_changes(begun: TrainConfig, now: TrainConfig, run: Path) -> None:
    """A run goes on with the settings it was begun with, but for `RESUME_MAY_CHANGE`.

    Raises:
        ConfigError: it would not; the message names the setting.
    """
    for name, old, new in changed_settings(begun, now):
        if name not in RESUME_MAY_CHANGE:
            raise ConfigError(
                f"{name}: {new} contradicts the {old} of the run that is resumed, {run}"
                "\nhint: leave the flag out, or start a new run"
            )


def lasting_settings(config: TrainConfig) -> dict[str, Any]:
    """The settings that a run has all its life, by dotted name, as JSON holds them."""
    return {name: plain_value(value) for name, value in leaves(config) if name not in RESUME_MAY_CHANGE}
