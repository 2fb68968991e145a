"""A `TrainConfig` as JSON and back: what `config.json` holds."""

import json
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from vgrout.config import TrainConfig, leaves
from vgrout.errors import ConfigError, DataError

C = TypeVar("C")
_HINT = "\nhint: give the folder of a run that vgrout-train wrote, in this version"


def to_json(config: object) -> dict[str, Any]:
    """Nested plain values of a config: paths become strings, tuples become lists."""
    plain: dict[str, Any] = {}
    for entry in fields(config):  # type: ignore[arg-type]
        value = getattr(config, entry.name)
        if is_dataclass(value):
            plain[entry.name] = to_json(value)
        elif isinstance(value, Path):
            plain[entry.name] = str(value)
        else:
            plain[entry.name] = list(value) if isinstance(value, tuple) else value
    return plain


def from_json(kind: type[C], plain: dict[str, Any], where: str = "config") -> C:
    """Rebuild a config from `to_json`'s values.

    Raises:
        DataError: a field is unknown, missing or of another type; the message starts with `where`.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(plain) - set(hints))
    if unknown:
        raise DataError(f"{where}: unknown setting `{unknown[0]}`")
    values: dict[str, Any] = {}
    for entry in fields(kind):  # type: ignore[arg-type]
        if entry.name not in plain:
            raise DataError(f"{where}: setting `{entry.name}` is missing")
        values[entry.name] = _convert(hints[entry.name], plain[entry.name], f"{where}: {entry.name}")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise DataError(f"{where}: {value!r} is not an object")
        return from_json(hint, value, where)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        converted = _as_option(option, value)
        if converted is not None or (value is None and option is type(None)):
            return converted
    raise DataError(f"{where}: {value!r} is not a {hint}")


def _as_option(option: Any, value: Any) -> Any:
    """Give `value` as the type `option`, or None where it is no such value."""
    origin = typing.get_origin(option)
    if origin is typing.Literal:
        return value if value in typing.get_args(option) else None
    if origin is tuple:
        return tuple(value) if isinstance(value, list) else None
    if option is Path:
        return Path(value) if isinstance(value, str) else None
    if option is float:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return value if type(value) is option else None


def load_config(path: Path) -> TrainConfig:
    """Read the config of a run.

    Raises:
        ConfigError: the file is missing.
        DataError: it is not JSON or does not hold a config; the message names the field.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"resume: {path} cannot be read: {error.strerror}{_HINT}") from error
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}{_HINT}") from error
    if not isinstance(plain, dict):
        raise DataError(f"{path}: holds a {type(plain).__name__}, expected an object{_HINT}")
    plain.pop("schema", None)
    try:
        return from_json(TrainConfig, plain, str(path))
    except DataError as error:
        raise DataError(f"{error}{_HINT}") from error


def changed_settings(old: TrainConfig, new: TrainConfig) -> list[tuple[str, object, object]]:
    """Settings in which two configs differ, as (dotted name, old value, new value)."""
    before = dict(leaves(old))
    return [(name, before[name], value) for name, value in leaves(new) if before[name] != value]
