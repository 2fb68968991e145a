"""What the commands share: exit statuses, flags from dataclasses, usage texts and error messages."""

import errno
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from vgrout.errors import ConfigError
from vgrout.settings import bounds_in_words

if TYPE_CHECKING:
    from tyro.constructors import ConstructorRegistry

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
            # Lines that begin with a letter tyro would join into one.
            description=fitted(description, first="  ", indent="  "),
            args=list(flags),
            config=config,
            default=tyro.MISSING_NONPROP if default is None else default,
            registry=_with_bounds(),
        )
    except SystemExit as stop:
        if stop.code not in (0, None):
            sys.stderr.write(f"hint: {hint}\n")
        raise


def _with_bounds() -> "ConstructorRegistry":
    """Rules by which the help of a flag ends in the bounds that its field states."""
    from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

    registry = ConstructorRegistry()
    asked: list[object] = []

    def said(entry: StructFieldSpec) -> StructFieldSpec:
        words = bounds_in_words(entry.type)
        text = entry.helptext() if callable(entry.helptext) else entry.helptext
        # A docstring breaks its lines for the source; the terminal has a width of its own.
        joined = " ".join((text or "").split())
        return replace(entry, helptext=f"{joined} [{words}]".lstrip() if words else joined)

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if not is_dataclass(info.type) or info.type in asked:
            return None
        asked.append(info.type)  # the question below comes here, too
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            asked.pop()
        if not isinstance(spec, StructConstructorSpec):
            return None
        return replace(spec, fields=tuple(map(said, spec.fields)))

    return registry


def path_and_flags(name: str, arguments: Sequence[str], remedy: str) -> tuple[Path, Sequence[str]]:
    """The path `name` that a command's arguments begin with, and the flags behind it.

    Where help is asked for the path may be missing, and is then an empty one.

    Raises:
        ConfigError: it is missing, or not in the first place.
    """
    if arguments and not arguments[0].startswith("-"):
        return Path(arguments[0]), arguments[1:]
    if any(flag in HELP for flag in arguments):
        return Path(), arguments
    raise ConfigError(f"{name}: missing in the first place, before the flags\nhint: {remedy}")


def usage(line: str, choices: dict[str, str]) -> str:
    """Give the text that lists what a command can be followed by."""
    rows = table(choices)
    program = line.partition(" ")[0]
    what = line.split()[1]
    return "\n".join([f"usage: {line}", "", *rows, "", f"`{program} {what} --help` lists its flags.", ""])


def table(choices: dict[str, str]) -> list[str]:
    """Names and what is said of them, in two columns of lines that fit the terminal."""
    width = max(map(len, choices))
    gap = " " * (width + 4)
    return [
        fitted(summary, first=f"  {name.ljust(width)}  ", indent=gap) for name, summary in choices.items()
    ]


def fitted(text: str, *, first: str = "", indent: str = "") -> str:
    """The text in lines that fit the terminal, the first behind `first`, the others behind `indent`."""
    columns = max(40, shutil.get_terminal_size().columns)
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def complain(message: str, hint: str | None = None) -> int:
    """Write an error and, where the message has none of its own, a hint; give the status of bad input."""
    sys.stderr.write(f"error: {message}\n")
    if hint and "\nhint:" not in message:
        sys.stderr.write(f"hint: {hint}\n")
    return BAD_INPUT


class _OutputLost(Exception):
    """Standard output takes no more; `cause` says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Output:
    """Standard output whose refusals are told apart from those of any other file, and pass by whoever drops an `OSError`."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or say that it cannot be."""
        with self._taken() as stream:
            return stream.write(text)

    def flush(self) -> None:
        """Flush, or say that it cannot be."""
        with self._taken() as stream:
            stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _taken(self) -> Iterator[TextIO]:
        if self._stream is None:  # closed before the interpreter began
            raise _OutputLost(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        try:
            yield self._stream
        except OSError as error:
            raise _OutputLost(error) from error


def with_output(command: Callable[[], int]) -> int:
    """Give the status of `command`, once all that it said is out; what standard output refuses is its failure.

    A reader that has gone (`| head`) is told nothing.
    """
    output = _Output(sys.stdout)
    try:
        with redirect_stdout(cast("TextIO", output)):
            try:
                status = command()
            except SystemExit:
                output.flush()
                raise
            # Here, not at the interpreter's end, where nobody can say what is wrong.
            output.flush()
            return status
    except _OutputLost as lost:
        if sys.stdout is not None:
            # The interpreter flushes once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(lost.cause, BrokenPipeError):
            complain(
                f"standard output: cannot be written: {lost.cause.strerror or lost.cause}",
                "make room there, or send it to another place",
            )
        return FAILED
