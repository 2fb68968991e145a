"""How far limits are overshot, and what a flood costs this process: `python benches/limits.py`."""

import resource
import statistics
from pathlib import Path

from vgrout import GradeJob, Grader, Limits, Verdict

ROUNDS = 20
MIB = 1 << 20
SLEEP = "import time\ntime.sleep(9)"
LOOP = "while True: pass"
FLOOD = "import os\nfor _ in range(300): os.write(1, b'x' * (1 << 20))\nreturn 1"


def job(body: str) -> GradeJob:
    """An answer whose only method has this body."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    code = f"class Solution:\n    def f(self):\n{lines}"
    return GradeJob(f"```python\n{code}```", ["assert Solution().f() == 1"], mode="gt_only")


def graded(limits: Limits, body: str, rounds: int) -> list[Verdict]:
    """The same answer, graded one call at a time."""
    with Grader(workers=1, limits=limits) as grader:
        return [grader.grade([job(body)])[0] for _ in range(rounds)]


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MIB


def main() -> None:
    """Print the three figures."""
    wall = [verdict.wall_ms - 300 for verdict in graded(Limits(wall_s=0.3), SLEEP, ROUNDS)]
    print(f"wall limit .3 s overshot by {statistics.median(wall):.1f} ms, at most {max(wall):.1f} ms")
    cpu = [verdict.cpu_ms - 300 for verdict in graded(Limits(cpu_s=0.3), LOOP, ROUNDS)]
    print(f"CPU limit .3 s overshot by {statistics.median(cpu):.1f} ms, at most {max(cpu):.1f} ms")
    with Grader(workers=1, limits=Limits(output_bytes=400 * MIB)) as grader:
        grader.grade([job("return 1")])
        before, peak = resident_mib(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        [verdict] = grader.grade([job(FLOOD)])
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    print(
        f"300 MiB on standard output: {verdict.outcome} in {verdict.wall_ms:.0f} ms, this process "
        f"{resident_mib() - before:+.1f} MiB, its peak {grown:+.1f} MiB"
    )


if __name__ == "__main__":
    main()
