"""Start a command that dies with its parent, however that dies: `python guard.py PARENT_PID COMMAND…`.

Run as a script by the engine. It asks the kernel for SIGKILL at the parent's death and then becomes the command,
which keeps that wish (prctl(2), execve(2)). In a script of its own, because code between fork and exec is unsafe in
a process with threads. A killed run goes on from its checkpoint.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def become(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, which the kernel kills when the process `parent` ends.

    Raises:
        OSError: the kernel refuses, or the command cannot be started.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    # A parent that died before the call above would never be noticed.
    if os.getppid() != parent:
        raise SystemExit("the sweep ended before its run began")
    os.execv(command[0], command)  # noqa: S606 - the command is the engine's own


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
