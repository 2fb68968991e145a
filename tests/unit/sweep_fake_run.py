"""A stand-in for `vgrout train`: `FOLDER BEHAVIOUR new|resume JOURNAL`; says in JOURNAL how it was started.

ok finishes; fail and bad-input do not; fail-once leaves a checkpoint and fails, and finishes when resumed; hang stops
at SIGINT with a checkpoint, and finishes when resumed; deaf never stops.
"""

import os
import signal
import sys
from pathlib import Path


def main(folder: Path, behaviour: str, start: str, journal: Path) -> int:
    """Behave as told."""
    threads = os.environ.get("OMP_NUM_THREADS")
    with journal.open("a") as file:
        file.write(f"{folder.name} {start} {os.getpid()} {threads}\n")
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    if behaviour in {"hang", "deaf"} and start == "new":
        wait(folder, deaf=behaviour == "deaf")
        return 130
    if behaviour == "fail-once" and start == "new":
        (folder / "checkpoint.pt").touch()
        sys.stderr.write("out of memory\n")
        return 1
    if behaviour in {"fail", "bad-input"}:
        sys.stderr.write("first line\n\nerror: nums: 3 is odd\n")
        return 2 if behaviour == "bad-input" else 1
    (folder / "eval.json").write_text("{}")
    return 0


def wait(folder: Path, *, deaf: bool) -> None:
    """Say that SIGINT is awaited, and await it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    (folder / "ready").write_text(str(os.getpid()))
    while True:
        signal.sigwait({signal.SIGINT})
        if not deaf:
            (folder / "checkpoint.pt").touch()
            return
        with (folder / "heard").open("a") as file:
            file.write("SIGINT\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])))
