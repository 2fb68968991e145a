"""A `TrainConfig` on disk: what `config.json` holds."""

import json
from pathlib import Path

from vgrout.config import TrainConfig
from vgrout.errors import ConfigError, DataError
from vgrout.settings import from_json, leaves

_HINT = "\nhint: give the folder of a run that vgrout-train wrote, in this version"


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
