"""JSON lines read one after another, where a bad line is reported and does not end the reading."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vgrout.env.jsonl import UNREADABLE, open_content, parse_row
from vgrout.errors import DataError


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    """The number and object of every line that is not blank, or what is wrong with it; plain or gzip.

    A gzip file that breaks off ends with an error in the place of its next line.

    Raises:
        DataError: the file cannot be opened.
    """
    with open_content(path) as file:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline()
            except UNREADABLE as error:
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
    with open_content(path) as file:
        count = 0
        try:
            for line in file:
                count += bool(line.strip())
        except UNREADABLE:
            count += 1
        return count
