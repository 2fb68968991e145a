"""Reading JSON-lines files, plain or gzip, with errors that name file, line and field."""

import gzip
import io
import json
import reprlib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypedDict, cast

from vgrout.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
UNREADABLE = (EOFError, OSError, zlib.error)
"""What reading on in a file of `open_content` raises where it is damaged."""
ROLES = ("system", "user", "assistant")


class Message(TypedDict):
    """One chat message."""

    role: str
    content: str


@contextmanager
def open_content(path: Path) -> Iterator[IO[bytes]]:
    """The file, decompressed when it is gzip.

    Raises:
        DataError: missing, unreadable, or named as gzip without being it.
    """
    try:
        file = path.open("rb")
        packed = file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}\nhint: check the path") from error
    with file:
        if not packed and path.suffix == ".gz":
            raise DataError(
                f"{path}: named .gz but is not a gzip file\nhint: fetch it again, or drop the suffix"
            )
        if packed:
            with gzip.open(file) as unpacked:
                yield cast("IO[bytes]", unpacked)
        else:
            yield file


def read_content(path: Path) -> bytes:
    """The file's bytes, decompressed when it is gzip.

    Raises:
        DataError: missing, unreadable, or a gzip file that is truncated or corrupt.
    """
    with open_content(path) as file:
        try:
            return file.read()
        except UNREADABLE as error:
            refused = isinstance(error, OSError) and error.errno is not None
            broken = "cannot be read" if refused else "gzip data is truncated or corrupt"
            raise DataError(f"{path}: {broken}: {error}\nhint: fetch the file again") from error


def packed(text: str) -> bytes:
    """The text as gzip; equal texts give equal bytes, because no name and no time stand in the header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's object with its place `FILE:LINE`; blank lines are passed over.

    Raises:
        DataError: a line is not UTF-8, not JSON, or not an object.
    """
    for number, line in enumerate(read_content(path).split(b"\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield where, parse_row(where, line)


def parse_row(where: str, line: bytes) -> dict[str, Any]:
    """The object of one line that stands at `where`.

    Raises:
        DataError: the line is not UTF-8, not JSON, or not an object.
    """
    try:
        row = json.loads(line.decode("utf-8-sig"))  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: byte {error.start + 1} is not UTF-8\nhint: save the file as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}: column {error.colno}: not JSON: {error.msg}\nhint: one whole JSON object stands on each line"
        ) from error
    except RecursionError as error:
        raise DataError(f"{where}: nested too deeply to be read") from error
    except ValueError as error:
        # An integer of more digits than Python converts.
        raise DataError(f"{where}: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: found a JSON {type(row).__name__}, expected an object")
    return row


def bad_field(where: str, field: str, value: object, expected: str, hint: str) -> DataError:
    """The error for a field: place, field, value found, what was expected, what to do."""
    return DataError(
        f"{where}: field `{field}`: found {reprlib.repr(value)}, expected {expected}\nhint: {hint}"
    )


def get_field(where: str, row: Mapping[str, Any], field: str) -> Any:
    """The field's value, which must be there."""
    if field not in row:
        known = ", ".join(sorted(row)) or "none"
        raise DataError(
            f"{where}: field `{field}`: missing, the row has {known}\nhint: add the field to the row"
        )
    return row[field]


def get_text(where: str, row: Mapping[str, Any], field: str, *, empty: bool = False) -> str:
    """A field that is a string, encodable as UTF-8 and, unless `empty`, not blank."""
    value = get_field(where, row, field)
    check_text(where, field, value, empty=empty)
    return str(value)


def check_text(where: str, field: str, value: object, *, empty: bool = False) -> None:
    """`value` is such a string."""
    expected = "a string" if empty else "a non-empty string"
    if not isinstance(value, str) or (not empty and not value.strip()):
        raise bad_field(where, field, value, expected, "write the value as a JSON string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise bad_field(
            where,
            field,
            value[error.start : error.end],
            "text without lone surrogates",
            "remove the \\ud8xx escape",
        ) from error


def get_messages(where: str, row: Mapping[str, Any], field: str) -> tuple[Message, ...]:
    """A field that is a non-empty list of chat messages, the last one from the user."""
    value = get_field(where, row, field)
    if not isinstance(value, list) or not value:
        raise bad_field(where, field, value, "a non-empty list of chat messages", "give [{role, content}, …]")
    messages = []
    for index, message in enumerate(value):
        place = f"{field}[{index}]"
        if not isinstance(message, dict):
            raise bad_field(where, place, message, "an object with role and content", "give {role, content}")
        role = message.get("role")
        if role not in ROLES:
            raise bad_field(where, f"{place}.role", role, f"one of {', '.join(ROLES)}", "correct the role")
        check_text(where, f"{place}.content", message.get("content"), empty=role == "system")
        messages.append(Message(role=role, content=message["content"]))
    if messages[-1]["role"] != "user":
        raise bad_field(
            where, field, messages[-1]["role"], "a last message from the user", "end with the question"
        )
    return tuple(messages)
