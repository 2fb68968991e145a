"""Many grades over one grader leave its processes, descriptors and memory as they were.

A few thousand by default; `just soak` sets `VGROUT_SOAK` for 100 000, `VGROUT_SOAK_GRADES` names another number.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from vgrout import GradeJob, Grader, Limits

GRADES = int(os.environ.get("VGROUT_SOAK_GRADES", "100000" if os.environ.get("VGROUT_SOAK") else "2000"))
BATCH = 200
TESTS = ["assert Solution().add(1, 2) == 3", "assert Solution().add(2, 2) == 4"]
SETUPS = [f"SHIFT = {number}\n" for number in range(12)]
"""More than a zygote keeps, so that zygotes are replaced all the time."""
METHODS = {
    "accepted": "return a + b",
    "wrong_answer": "return a - b",
    "runtime_error": "return a / 0",
    "bad_return_type": "return object()",
    "protocol_error": "import os; os._exit(0)",
    "output_limit": "print('x' * (1 << 17)); return a + b",
    "mle": "return [0] * 10**9",
}
RARE = {"output_limit", "mle"}


def batch(first: int) -> tuple[list[GradeJob], Counter[str]]:
    """One batch of `BATCH` jobs and how often each outcome must come."""
    jobs, expected = [], Counter[str]()
    names = [name for name in METHODS if name not in RARE]
    for number in range(first, first + BATCH):
        name = sorted(RARE)[number // 100 % 2] if number % 100 == 99 else names[number % len(names)]
        code = f"class Solution:\n    def add(self, a, b):\n        {METHODS[name]}"
        setup = SETUPS[number // 50 % len(SETUPS)]
        jobs.append(GradeJob(f"```python\n{code}\n```", TESTS, mode="gt_only", setup_code=setup))
        expected[name] += 1
    return jobs, expected


def children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, of = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(of) == parent and state != "Z":
                found.append(int(entry.name))
    return found


def resident_kib(pid: int | str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


@dataclass(frozen=True)
class Footprint:
    descriptors: int
    brokers: int
    zygotes: int
    threads: int


def footprint(others: set[int]) -> tuple[Footprint, int, int]:
    """Counts, and the resident KiB of host and broker; `others` are children that were there before."""
    brokers = [child for child in children(os.getpid()) if child not in others]
    counts = Footprint(
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        brokers=len(brokers),
        zygotes=sum(len(children(broker)) for broker in brokers),
        threads=len(list(Path("/proc/self/task").iterdir())),
    )
    return counts, resident_kib("self"), sum(map(resident_kib, brokers))


@pytest.mark.timeout(max(180, GRADES // 20))
def test_memory_descriptors_and_processes_stay_flat() -> None:
    limits = Limits(cpu_s=2.0, memory_bytes=64 << 20, output_bytes=1 << 17)
    others = set(children(os.getpid()))
    with Grader(workers=2, limits=limits) as grader:
        seen, expected = Counter[str](), Counter[str]()
        before = None
        for first in range(0, GRADES, BATCH):
            jobs, outcomes = batch(first)
            seen.update(verdict.outcome for verdict in grader.grade(jobs))
            expected.update(outcomes)
            # Caches and allocator arenas have their size after some batches.
            if first == 4 * BATCH:
                before = footprint(others)
        after = footprint(others)
    assert seen == expected
    assert before is not None
    assert after[0] == before[0]
    assert after[0].zygotes == 2
    assert after[1] - before[1] <= 4 << 10, f"the host grew from {before[1]} to {after[1]} KiB"
    assert after[2] - before[2] <= 1 << 10, f"the broker grew from {before[2]} to {after[2]} KiB"
    assert set(children(os.getpid())) <= others
