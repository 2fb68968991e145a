"""Ends an engine with the run: a process between the two that needs nothing but Python.

Started by its path, with a folder, a descriptor and perhaps a command. It starts the command, lends it the descriptor,
and waits. When its own standard input closes, because the run closed it or died, however it died, it kills the command
with all that it started and removes the folder. If this process is itself killed, the kernel kills the command.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Keep `arguments`: the folder, the descriptor to lend, and the command; none keeps the folder alone."""
    folder, descriptor, *command = arguments
    # Ctrl-C in a terminal is the run's business: it finishes its step, and that needs the engine.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = _start(command, int(descriptor)) if command else None
    try:
        _wait(child)
    finally:
        if child is not None:
            _kill(child)
        shutil.rmtree(Path(folder), ignore_errors=True)
    return 0


def _start(command: list[str], descriptor: int) -> subprocess.Popen[bytes]:
    keeper, libc = os.getpid(), ctypes.CDLL(None, use_errno=True)

    def follow() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os.kill(os.getpid(), signal.SIGKILL)

    child = subprocess.Popen(  # noqa: S603 - it is given by the run
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
        preexec_fn=follow,  # noqa: PLW1509 - this process has one thread
    )
    os.close(descriptor)
    return child


def _wait(child: subprocess.Popen[bytes] | None) -> None:
    """Wait for the end of standard input; what the command leaves behind when it ends by itself is killed at once."""
    watched = [sys.stdin.fileno()]
    if child is not None:
        watched.append(os.pidfd_open(child.pid))
    while True:
        ready, _, _ = select.select(watched, [], [])
        if sys.stdin.fileno() in ready:
            if not os.read(sys.stdin.fileno(), 4096):
                return
        elif child is not None:
            _kill(child)
            os.close(watched.pop())


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill the command's session; its number is not given again before it is reaped here."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
