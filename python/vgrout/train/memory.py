"""The most memory that this process has held."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory_bytes() -> int:
    """Bytes of resident memory at most since the process began its program.

    On Linux by the kernel's mark of the process itself: `ru_maxrss` would begin with that of whoever started it.
    """
    try:
        return int(_STATUS.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak_memory() -> None:
    """Let the mark begin anew, with what is held now; Linux only."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
