"""The process that holds an engine: started, asked, and ended with everything that it started."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vgrout.errors import EngineError, EngineRefused

_KEEPER = Path(__file__).with_name("keeper.py")
_LOOK_S = 0.2
"""Between two looks at whether the process still lives; an interrupt waits no longer."""
_TAIL_BYTES = 4096


class EngineProcess:
    """One process, asked one thing at a time over a socket.

    It lives as long as this object is open, and not longer than the process that made it, however that ends: a keeper
    stands between the two (`keeper.py`).
    """

    def __init__(
        self, command: Callable[[int], Sequence[str]], folder: Path, *, environment: Mapping[str, str]
    ) -> None:
        """Start `command`, which is told the descriptor of its end of the socket.

        `folder` exists, holds the log and what the process writes as temporary files, and is removed at the end.
        """
        self._folder = folder
        ours, theirs = socket.socketpair()
        with ours, theirs, self._log_file.open("ab") as log:
            self._connection = Connection(os.dup(ours.fileno()))
            descriptor = theirs.fileno()
            self._keeper = keep(
                folder,
                command(descriptor),
                descriptor=descriptor,
                environment={**environment, "TMPDIR": str(folder)},
                log=log.fileno(),
            )
        self._is_open = True

    @property
    def _log_file(self) -> Path:
        return self._folder / "engine.log"

    def call(
        self, name: str, *values: object, timeout_s: float, progress: Callable[[int], None] | None = None
    ) -> Any:
        """Ask for `name` and wait for the answer; the wait begins anew whenever the engine tells of progress.

        Raises:
            EngineRefused: it answers that it cannot, with its reason.
            EngineError: it is gone, or has not answered in time; it is not asked again.
        """
        if not self._is_open:
            raise EngineError("the engine is closed")
        try:
            self._connection.send((name, values))
            kind, value = self._receive(name, timeout_s)
            while kind == "progress":
                if progress is not None:
                    progress(value)
                kind, value = self._receive(name, timeout_s)
        except (EOFError, ConnectionError) as error:
            raise EngineError(f"the engine's process has ended{self._last_words()}") from error
        if kind == "refused":
            raise EngineRefused(str(value))
        return value

    def _receive(self, name: str, timeout_s: float) -> tuple[str, Any]:
        deadline = time.monotonic() + timeout_s
        while not self._connection.poll(_LOOK_S):
            if time.monotonic() > deadline:
                self.close()
                raise EngineError(
                    f"the engine did not answer `{name}` in {timeout_s:g} s, and was stopped"
                    "\nhint: raise `--rollouts.timeout-s`"
                )
        kind, value = self._connection.recv()
        return str(kind), value

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), self._log_file.open("rb") as log:
            log.seek(max(0, self._log_file.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").strip().splitlines()
            if lines:
                return "; the last of its log:\n" + "\n".join(f"  {line}" for line in lines[-6:])
        return ""

    def close(self) -> None:
        """End the process, what it started, and the folder; a second call does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        self._connection.close()
        end(self._keeper)
        shutil.rmtree(self._folder, ignore_errors=True)


def keep(
    folder: Path,
    command: Sequence[str] = (),
    *,
    descriptor: int = 0,
    environment: Mapping[str, str] | None = None,
    log: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a keeper of `folder` and, where one is given, of a command; `end` ends it, and so does our own end."""
    return subprocess.Popen(  # noqa: S603 - our own file and interpreter
        [sys.executable, "-I", "-S", str(_KEEPER), str(folder), str(descriptor), *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env=None if environment is None else dict(environment),
        pass_fds=(descriptor,) if command else (),
        start_new_session=True,
    )


def end(keeper: "subprocess.Popen[bytes]") -> None:
    """End a keeper, and with it what it keeps."""
    if keeper.stdin is not None:
        keeper.stdin.close()
    keeper.wait()
