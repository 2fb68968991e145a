"""Frozen dataclasses whose fields say what they may hold, `Annotated[int, Ge(1)]`: checked, read from JSON, in words.

Pydantic does it, and is imported when the first is checked: the command line's help needs none of it.
"""

import typing
from collections.abc import Collection, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from annotated_types import Ge, Gt, Le, Lt

from vgrout.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import CoreSchema, ErrorDetails

C = TypeVar("C")
MOST = 2**63 - 1
"""The largest whole number of a setting: torch and the compiled module count in 64 bits."""


class NameIn:
    """What a field of names may hold: those of a table, as it is when the field is checked."""

    def __init__(self, table: Collection[str]) -> None:
        self.table = table

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> "CoreSchema":
        from pydantic_core import PydanticCustomError, core_schema

        def check_name(name: str) -> str:
            if name not in self.table:
                raise PydanticCustomError(
                    "literal_error", "unknown name", {"expected": ", ".join(self.table)}
                )
            return name

        return core_schema.no_info_after_validator_function(check_name, core_schema.str_schema(strict=True))


def refuse(name: str, value: object, expected: str) -> None:
    """Raise the error for a setting: its name, its value, and what is wrong with it."""
    raise ConfigError(f"{name}: {value} {expected}")


def check(settings: Any) -> None:
    """Check every field of a settings dataclass, nested ones included, against its type and bounds.

    Raises:
        ConfigError: names the first that is wrong, its value and what was expected.
    """
    from pydantic import ValidationError

    values = {entry.name: getattr(settings, entry.name) for entry in fields(settings)}
    try:
        _model(settings.__class__).model_validate(values)
    except ValidationError as errors:
        raise ConfigError(_said(errors.errors(include_url=False)[0])) from None


def from_json(kind: type[C], text: str | bytes, where: str) -> C:
    """Read the settings `kind` from a JSON object; what it does not name has its default.

    Raises:
        DataError: the text is no JSON, or a field is unknown, of another type or out of bounds; the message starts with
            `where`.
    """
    from pydantic import ValidationError

    dataclass: Any = kind
    try:
        read = _model(dataclass).model_validate_json(text)
    except ValidationError as errors:
        raise DataError(f"{where}: {_said(errors.errors(include_url=False)[0])}") from None
    return kind(**{entry.name: getattr(read, entry.name) for entry in fields(dataclass)})


def to_json(settings: object) -> dict[str, Any]:
    """Nested plain values of settings: paths become strings, tuples become lists."""
    plain: dict[str, Any] = {}
    for entry in fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, entry.name)
        plain[entry.name] = to_json(value) if is_dataclass(value) else plain_value(value)
    return plain


def plain_value(value: object) -> object:
    """A setting as JSON holds it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def leaves(settings: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield every setting as (dotted name, value), in order of definition."""
    for entry in fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, entry.name)
        if is_dataclass(value):
            yield from leaves(value, f"{prefix}{entry.name}.")
        else:
            yield prefix + entry.name, value


def bounds_in_words(hint: Any) -> str:
    """The bounds that an annotation states, as "at least 1" or "in (0, 0.5)"; empty where it states none."""
    for inner in typing.get_args(hint):
        if not hasattr(hint, "__metadata__") and (words := bounds_in_words(inner)):
            return words
    low, high = "", ""
    for bound in getattr(hint, "__metadata__", ()):
        if isinstance(bound, Ge | Gt):
            low = f"[{bound.ge}" if isinstance(bound, Ge) else f"({bound.gt}"
        elif isinstance(bound, Le | Lt):
            high = f"{bound.le}]" if isinstance(bound, Le) else f"{bound.lt})"
    if low and high == f"{MOST}]":  # every whole number's
        high = ""
    if low and high:
        return f"in {low}, {high}"
    if low:
        return ("at least " if low[0] == "[" else "above ") + low[1:]
    return high and ("at most " if high[-1] == "]" else "below ") + high[:-1]


@cache
def _model(kind: Any) -> "type[BaseModel]":
    """The dataclass as pydantic sees it: strict, since a number in quotes is somebody's mistake."""
    from pydantic import ConfigDict, create_model

    hints = typing.get_type_hints(kind, include_extras=True)
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, revalidate_instances="always")
    defaults: dict[str, Any] = {}
    for entry in fields(kind):
        made = None if entry.default_factory is MISSING else entry.default_factory()
        default = entry.default if entry.default is not MISSING else made
        defaults[entry.name] = (hints[entry.name], default)
    return create_model(kind.__name__, __config__=config, **defaults)


_WORDS = {
    "greater_than_equal": "is below {ge}",
    "greater_than": "is not above {gt}",
    "less_than_equal": "is above {le}",
    "less_than": "is not below {lt}",
    "finite_number": "is not a finite number",
    "string_too_short": "has fewer characters than {min_length}",
    "literal_error": "is unknown, expected one of {expected}",
}


def _said(error: "ErrorDetails") -> str:
    """One of pydantic's errors as name, value and what was expected."""
    name = ".".join(str(part) for part in error["loc"] if not isinstance(part, int))
    value, context = error.get("input"), error.get("ctx", {})
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown setting `{name}`"
    if error["type"] == "json_invalid":
        return f"is not JSON: {context['error']}"
    if error["type"] in ("model_type", "dataclass_type"):
        return f"{name}: {value!r} is not an object" if name else f"holds {value!r}, expected an object"
    words = _WORDS.get(error["type"], "is not " + error["msg"].removeprefix("Input should be "))
    shown = repr(value) if isinstance(value, str) else str(value)
    return f"{name}: {shown} {words.format_map(context)}"
