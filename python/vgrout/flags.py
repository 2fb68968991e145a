"""What the commands share: exit statuses, flags from dataclasses, usage texts and error messages."""

import os
import sys
from collections.abc import Sequence
from typing import TypeVar

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses."""
HELP = ("-h", "--help")
C = TypeVar("C")


def parse_flags(
    kind: type[C],
    flags: Sequence[str],
    *,
    program: str,
    description: str,
    hint: str,
    default: C | None = None,
    bare_switches: bool = False,
) -> C:
    """Give the dataclass `kind` that the flags describe; where no flag speaks, `default` or the class does.

    `program` and `description` head the help. With `bare_switches` a truth value is a switch (`--stdout`).

    Raises:
        SystemExit: a flag is malformed (status 2, `hint` on stderr) or help was asked for (status 0).
    """
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")
    import tyro

    config = () if bare_switches else (tyro.conf.FlagConversionOff,)
    try:
        return tyro.cli(
            kind,
            prog=program,
            description=description,
            args=list(flags),
            config=config,
            default=tyro.MISSING_NONPROP if default is None else default,
        )
    except SystemExit as stop:
        if stop.code not in (0, None):
            sys.stderr.write(f"hint: {hint}\n")
        raise


def usage(line: str, choices: dict[str, str]) -> str:
    """Give the text that lists what a command can be followed by."""
    width = max(map(len, choices))
    rows = [f"  {name.ljust(width)}  {summary}" for name, summary in choices.items()]
    program = line.partition(" ")[0]
    what = line.split()[1]
    return "\n".join([f"usage: {line}", "", *rows, "", f"`{program} {what} --help` lists its flags.", ""])


def complain(message: str, hint: str | None = None) -> int:
    """Write an error and, where the message has none of its own, a hint; give the status of bad input."""
    sys.stderr.write(f"error: {message}\n")
    if hint and "\nhint:" not in message:
        sys.stderr.write(f"hint: {hint}\n")
    return BAD_INPUT
