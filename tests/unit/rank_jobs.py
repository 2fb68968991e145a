"""Jobs of several ranks without torchrun, each forked from one process that has imported everything: imports are dear.

`python rank_jobs.py` reads jobs from stdin, a line of JSON each. A process of the job's holds its store, as torchrun's
agent does, and does nothing when a rank ends: the others must find out by themselves.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn, Self

TINY = (
    *("--steps", "4", "--checkpoint-every", "2", "--rollouts.prompts-per-step", "2"),
    *("--rollouts.max-new-tokens", "96", "--optim.rows-per-batch", "3", "--gate.warmup", "8"),
    *("--gate.capacity", "24", "--eval.problems", "2", "--eval.samples", "1", "--eval.max-new-tokens", "8"),
    *("--guard.rows", "2", "--grading.workers", "1"),
)
"""A run of two seconds that reaches every zone."""
IDLE = (*TINY, "--teacher.steps", "0", "--rollouts.max-new-tokens", "8", "--guard.rows", "0")
"""One whose answers are too short to earn anything: of half a second, and no group is informative."""
DEADLINE_S = 150.0
"""After it a job is broken."""


@dataclass(frozen=True)
class Ended:
    """What a job left."""

    statuses: list[int]
    """Exit status of each rank, minus the signal where one killed it."""
    seconds: float
    """From the first rank's end to the last's."""
    out: list[str]
    err: list[str]


class RankJobs:
    """The process that forks jobs; leaving the context ends it."""

    def __init__(self) -> None:
        self.environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(
        self,
        world: int,
        folder: Path,
        *arguments: object,
        behaviours: Mapping[int, tuple[str, int]] | None = None,
    ) -> Ended:
        """`vgrout-train ARGUMENTS` on so many ranks; `behaviours` is rank to what it does before which step."""
        folder.mkdir(parents=True)
        job = [world, str(folder), {str(k): v for k, v in (behaviours or {}).items()}, [*map(str, arguments)]]
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f"{json.dumps(job)}\n".encode())
        stdin.flush()
        assert stdout.readline() == b"0\n"
        told = json.loads((folder / "statuses.json").read_text())
        out, err = (
            [(folder / f"{rank}.{kind}").read_text() for rank in range(world)] for kind in ("out", "err")
        )
        return Ended(told["statuses"], told["seconds"], out, err)


def behave(action: str, at: int) -> None:
    """Do it before the step `at`."""
    from vgrout.errors import GraderError
    from vgrout.train.trainer import Trainer

    make_step = Trainer.step

    def step(self: Trainer, number: int) -> object:
        if number == at and action == "weigh":
            blocks = self.policy.model.base_model.layers
            held = sum(getattr(p, "_local_tensor", p).numel() for p in blocks.parameters())
            sys.stderr.write(f"weight {held / sum(p.numel() for p in blocks.parameters()):.2f}\n")
        if number == at and action == "fail":
            raise GraderError("the workers went home")
        if number == at and action in {"kill", "stop"}:
            os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
        if number == at and action == "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
        return make_step(self, number)

    Trainer.step = step  # type: ignore[method-assign, assignment]


def be_rank(
    rank: int, world: int, port: int, folder: Path, behaviours: dict[str, list[object]], arguments: list[str]
) -> int:
    """This process from now on."""
    from vgrout import cli

    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / f"{rank}.{name}", os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    if str(rank) in behaviours:
        behave(*behaviours[str(rank)])  # type: ignore[arg-type]
    return cli.train_main(arguments)


def be_job(world: int, folder: Path, behaviours: dict[str, list[object]], arguments: list[str]) -> None:
    """Start the ranks and wait for all."""
    import torch.distributed as dist

    store = dist.TCPStore(
        "127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=60)
    )
    pids = []
    for rank in range(world):
        if (pid := os.fork()) == 0:
            leave_with(partial(be_rank, rank, world, store.port, folder, behaviours, arguments))
        pids.append(pid)
    giving_up = threading.Timer(DEADLINE_S, lambda: [os.kill(pid, signal.SIGKILL) for pid in pids])
    giving_up.daemon = True
    giving_up.start()
    statuses, first = [0] * world, None
    for left in range(world - 1, -1, -1):
        pid, status = os.wait()
        first = first or time.monotonic()
        statuses[pids.index(pid)] = os.waitstatus_to_exitcode(status)
        stopped = [other for other in pids if state_of(other) == "T"]
        if left == len(stopped):
            for other in stopped:
                os.kill(other, signal.SIGKILL)
    giving_up.cancel()
    told = {"statuses": statuses, "seconds": time.monotonic() - (first or 0.0)}
    (folder / "statuses.json").write_text(json.dumps(told))


def leave_with(work: Callable[[], int | None]) -> NoReturn:
    """End this fork with the status that `work` gives."""
    status = 1
    try:
        status = work() or 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:  # noqa: BLE001 - nothing of the fork may go on
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def state_of(pid: int) -> str:
    """R, S, T … as the kernel has it; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def main() -> None:
    """Fork a process for every line."""
    import vgrout.train.run
    import vgrout.train.torchrun  # noqa: F401 - once for all ranks

    for line in sys.stdin:
        world, folder, behaviours, arguments = json.loads(line)
        if (pid := os.fork()) == 0:
            leave_with(partial(be_job, world, Path(folder), behaviours, arguments))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
