"""JSON lines read one after another, where a bad line is reported and does not end the reading."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from vgrout.env.jsonl import parse_row
from vgrout.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    """The number and object of every line that is not blank, or what is wrong with it; plain or gzip.

    A gzip file that breaks off ends with an error in the place of its next line.

    Raises:
        DataError: the file cannot be opened.
    """
    with _open(path) as file:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline()
            except (EOFError, OSError, zlib.error) as error:
                yield (
                    number,
                    DataError(f"{path}:{number}: cannot be read on: {error}\nhint: fetch the file again"),
                )
                return
            if not line:
                return
            if line.strip():
                try:
                    yield number, parse_row(f"{path}:{number}", line)
                except DataError as error:
                    yield number, error


def count_lines(path: Path) -> int:
    """How many lines `read_lines` gives.

    Raises:
        DataError: the file cannot be opened.
    """
    with _open(path) as file:
        count = 0
        try:
            for line in file:
                count += bool(line.strip())
        except (EOFError, OSError, zlib.error):
            count += 1
        return count


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}\nhint: check the path") from error
    with file:
        if file.peek(2).startswith(_GZIP_MAGIC):
            with gzip.open(file) as unpacked:
                yield cast("IO[bytes]", unpacked)
        else:
            yield file
