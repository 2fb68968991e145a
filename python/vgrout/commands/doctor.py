"""`vgrout doctor`: what the fence enforces on this machine, what it lacks and how to get it.

Exit status: 0 where the level asked for (`--min-level`, base by default) is enforced, 1 otherwise.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence

from vgrout.errors import SandboxUnavailable
from vgrout.flags import DONE, FAILED
from vgrout.grading import FENCE_LEVELS, FenceLayer, FenceReport, GradeJob, Grader
from vgrout.versions import version_of

_PACKAGES = ("vgrout", "numpy", "torch", "transformers", "peft", "vllm")
_WHAT = {
    "base": "seccomp, no new privileges, no capabilities, rlimits, an unused uid for root",
    "landlock": "no path, no TCP and no signal outward, by Landlock",
    "namespaces": "own pid, mount, network, IPC and UTS namespaces",
    "cgroup": "memory and processes bounded by a control group",
}
_REMEDY = {
    "base": "Run on Linux 5.9 or later where processes may load seccomp filters. Nothing is graded without it.",
    "landlock": "Run on Linux 5.13 or later (6.12 for all of it) with `landlock` in the kernel's `lsm=` list; "
    "/sys/kernel/security/lsm shows the list. gVisor has no Landlock.",
    "namespaces": "Allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1` on Debian, "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu, `sysctl user.max_user_namespaces=10000`; "
    "in a container, a seccomp profile that lets `unshare` and `mount` through, or CAP_SYS_ADMIN.",
    "cgroup": "Start under a delegated group of cgroup v2: "
    "`systemd-run --user --scope -p Delegate=yes vgrout doctor`; as root in a container, a writable "
    "/sys/fs/cgroup with the memory and pids controllers.",
}
_RIGHT = "```python\nclass Solution:\n    def double(self, n):\n        return 2 * n\n```"
_WRONG = _RIGHT.replace("2 * n", "4")
_TESTS = ["assert Solution().double(n = 2) == 4", "assert Solution().double(n = 3) == 6"]


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    flags = argparse.ArgumentParser(
        prog="vgrout doctor", description="Say what the fence enforces here.", allow_abbrev=False
    )
    flags.add_argument(
        "--min-level",
        default="base",
        choices=FENCE_LEVELS,
        help="the level that must be enforced (default base)",
    )
    flags.add_argument("--verbose", action="store_true", help="list every attack that was attempted")
    return flags


def run(arguments: Sequence[str]) -> int:
    """`vgrout doctor [--min-level LEVEL] [--verbose]`."""
    flags = parser().parse_args(arguments)
    lines = [*version_lines(), ""]
    try:
        with Grader(workers=1) as grader:
            lines += fence_lines(grader.fence, verbose=flags.verbose)
            trial = trial_line(grader)
            level = grader.fence.level
    except SandboxUnavailable as error:
        lines += ["fence: nothing can be graded here", *(f"  {line}" for line in str(error).splitlines())]
        if "hint:" not in str(error):
            lines += [f"  remedy: {_REMEDY['base']}"]
        sys.stdout.write("\n".join(lines) + "\n")
        return FAILED
    reached = level is not None and FENCE_LEVELS.index(level) >= FENCE_LEVELS.index(flags.min_level)
    lines += ["", trial or "trial: a right answer is accepted and a wrong one is not"]
    lines.append(
        f"the fence is at level {level}: `--min-level {flags.min_level}` is met"
        if reached
        else f"level {flags.min_level} is NOT enforced: {level} is"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return DONE if reached and trial is None else FAILED


def version_lines() -> list[str]:
    """Versions of what takes part, by their metadata: nothing is imported for it."""
    found = [f"{package} {version_of(package) or '(not installed)'}" for package in _PACKAGES]
    machine = platform.uname()
    here = [
        f"Python {platform.python_version()}",
        f"{machine.system} {machine.release} {machine.machine}",
        "root" if os.geteuid() == 0 else f"uid {os.geteuid()}",
        f"{len(os.sched_getaffinity(0))} usable CPUs",
    ]
    return [", ".join(found), ", ".join(here)]


def fence_lines(fence: FenceReport, *, verbose: bool) -> list[str]:
    """The report layer by layer, each with what is missing, why, and how to get it."""
    lines = [f"fence: {fence.level or 'none'}"]
    for layer in fence.layers:
        lines.append(
            f"  {layer.name.ljust(10)} {layer.status.ljust(11)} {_WHAT.get(layer.name, '')}".rstrip()
        )
        lines += _missing(layer)
        shown = [probe for probe in layer.probes if verbose or not probe[1]]
        lines += [
            f"      {'blocked' if blocked else 'NOT BLOCKED'}: {attack} ({answer})"
            for attack, blocked, answer in shown
        ]
        if layer.probes and not verbose:
            blocked = sum(probe[1] for probe in layer.probes)
            lines.append(f"      {blocked} of {len(layer.probes)} attacks attempted under it were blocked")
    if fence.waits_uncounted is None:
        return [*lines, "  waits      counted     wall limits leave out what an answer waited for a CPU"]
    return [
        *lines,
        "  waits      not counted wall limits are four times the clock: load is told from sleep by patience alone",
        f"      why: {fence.waits_uncounted}",
    ]


def _missing(layer: FenceLayer) -> list[str]:
    if layer.status == "enforced":
        return []
    errno = "" if layer.errno is None else f" (errno {layer.errno}, {os.strerror(layer.errno)})"
    lines = [f"      why: {layer.reason or 'no reason was reported'}{errno}"]
    if layer.name in _REMEDY:
        lines.append(f"      remedy: {_REMEDY[layer.name]}")
    return lines


def trial_line(grader: Grader) -> str | None:
    """Grade a right and a wrong answer; None when the verdicts are as they must be, else what is wrong."""
    start = time.perf_counter()
    right, wrong = grader.grade([GradeJob(code, _TESTS, mode="gt_only") for code in (_RIGHT, _WRONG)])
    if right.gt_correct and wrong.outcome == "wrong_answer":
        return None
    seconds = time.perf_counter() - start
    return (
        f"trial: FAILED after {seconds:.1f} s: a right answer is {right.outcome} ({right.detail}), "
        f"a wrong one is {wrong.outcome} ({wrong.detail})"
    )
