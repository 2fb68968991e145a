"""Grades every suite under one fence level and reports, as JSON, verdicts and what was left behind.

Run as `python attack_run.py '{"disable": [...], "uid": null, "suites": [...], "paths": [...]}'`. With a uid it first
makes the interpreter and the package readable for that uid in a mount namespace of its own, then becomes that uid.
"""

import ctypes
import json
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBC = ctypes.CDLL(None, use_errno=True)
MARK = "vgrout_attack"
SHARED_KEY = 0x76677274
WARM_UP = "```python\nimport time\nclass Solution:\n    def add(self, a, b):\n        time.sleep(0.002)\n        return a + b\n```"
FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/user", ".")


def become(uid: int, paths: list[str]) -> None:
    """Take an ordinary identity for good; paths below closed directories are first mounted where they can be read."""
    closed = [path for path in paths if closed_parent(Path(path))]
    if closed:
        checked(LIBC.unshare(0x20000), "unshare")  # CLONE_NEWNS
        checked(LIBC.mount(b"none", b"/", None, 0x44000, None), "mount private")  # MS_REC | MS_PRIVATE
        holds = [(path, tempfile.mkdtemp(prefix="vgrout-uid-")) for path in closed]
        for path, hold in holds:
            checked(
                LIBC.mount(path.encode(), hold.encode(), None, 0x5000, None), f"bind {path}"
            )  # MS_BIND | MS_REC
        for parent in {closed_parent(Path(path)) for path in closed} - {None}:
            checked(LIBC.mount(b"none", str(parent).encode(), b"tmpfs", 0, b"mode=755"), f"cover {parent}")
        for path, hold in holds:
            Path(path).mkdir(parents=True, exist_ok=True)
            checked(LIBC.mount(hold.encode(), path.encode(), None, 0x5000, None), f"bind {path}")
            checked(LIBC.umount2(hold.encode(), 2), f"release {hold}")
            Path(hold).rmdir()
    os.chdir("/tmp")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def closed_parent(path: Path) -> Path | None:
    """The uppermost directory above `path` that others cannot pass."""
    for parent in reversed(path.parents):
        if parent.exists() and not parent.stat().st_mode & 0o001:
            return parent
    return None


def checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def descendants() -> dict[int, tuple[int, str]]:
    """Every process below this one: pid → parent and uid."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                parents[int(entry.name)] = (int(stat.rpartition(")")[2].split()[1]), entry.stat().st_uid)
            except (OSError, IndexError):
                continue
    found, wanted = {}, {os.getpid()}
    while wanted:
        level = {pid: fact for pid, fact in parents.items() if fact[0] in wanted and pid not in found}
        found |= level
        wanted = set(level)
    return {pid: (parent, uid) for pid, (parent, uid) in found.items()}


def left_behind(uids: set[int]) -> list[str]:
    """Files with the attacks' name, files of the fence's uids, and shared memory with the attacks' key."""
    found = []
    for folder in FOLDERS:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            try:
                owner = entry.stat(follow_symlinks=False).st_uid
            except OSError:
                continue
            if (
                MARK in entry.name
                or entry.name.startswith("core")
                and owner in uids
                or owner in uids - {os.getuid()}
            ):
                found.append(entry.path)
    for kind in ("shm", "sem", "msg"):
        for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]:
            if int(line.split()[0]) == SHARED_KEY:
                found.append(f"{kind} {line.split()[1]}")
    return found


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def settled(wanted: int) -> int:
    """Descendants once ended ones had a moment to be reaped."""
    deadline = time.monotonic() + 2
    while len(descendants()) > wanted and time.monotonic() < deadline:
        if wanted == 0:
            reap()
        time.sleep(0.01)
    return len(descendants())


def reap() -> None:
    """Bury what ended as an orphan and so became our child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def graders(vgrout, disable: list[str], workers: int):
    # CPU time enough on a machine under load, so that only the programs that end by it (`brief`) meet its limit.
    small = {"cpu_s": 6.0, "wall_s": 60.0, "memory_bytes": 64 << 20, "output_bytes": 4 << 20}
    settings = {
        "plain": (vgrout.Limits(**small), ()),
        "ctypes": (vgrout.Limits(**small), ("ctypes",)),
        "wall": (vgrout.Limits(**(small | {"wall_s": 0.4})), ()),
        "brief": (vgrout.Limits(**(small | {"cpu_s": 0.4})), ("ctypes",)),
        "default": (vgrout.Limits(), ()),
    }
    return lambda name: vgrout.Grader(
        workers=workers, limits=settings[name][0], preload=settings[name][1], disable_layers=disable
    )


def run_group(vgrout, make, group: str, programs: list, report: dict) -> None:
    from attack_suite import PROBLEMS, verdict_facts

    jobs = [
        (program, mode, vgrout.GradeJob(program.response, list(program.tests), mode=mode))
        for program in programs
        for mode in program.modes
    ]
    with make(group) as grader:
        report["levels"].append(grader.fence.level)
        # With a judged test, so that every worker has its judges' zygote as well.
        judged = [*PROBLEMS["add"], "assert Solution().add(1, 2) in (3,)"]
        grader.grade([vgrout.GradeJob(WARM_UP, judged)] * 64)
        before = (open_descriptors(), len(descendants()))
        batch = grader.grade([job for _, _, job in jobs])
        after = (open_descriptors(), settled(before[1]))
        tree = descendants()
        uids = {uid for _, uid in tree.values()} - {0}
        report["left"] += [f"{group}: {what}" for what in left_behind(uids)]
        if after[0] != before[0] or after[1] > before[1]:
            report["left"].append(f"{group}: descriptors and processes {before} → {after}")
        if len(tree) > 1 + 2 * report["workers"]:
            report["left"].append(f"{group}: {len(tree)} processes for {report['workers']} workers")
    for (program, mode, _), verdict in zip(jobs, batch, strict=True):
        facts = verdict_facts(verdict)
        entry = {
            "facts": facts,
            "detail": verdict.detail or "",
            "cpu_ms": verdict.cpu_ms,
            "wall_ms": verdict.wall_ms,
        }
        entry["stdout"] = verdict.stdout.decode("utf-8", "replace")[:2000]
        report["verdicts"][f"{program.suite}/{program.name}/{mode}"] = entry


def main(request: dict) -> dict:
    import vgrout
    from attack_suite import read_suite

    LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: whatever outlives its parent becomes our child
    report = {"verdicts": {}, "left": [], "levels": [], "uid": os.getuid(), "workers": 2, "seconds": {}}
    programs = [program for suite in request["suites"] for program in read_suite(suite)]
    make = graders(vgrout, request["disable"], report["workers"])
    make("plain").close()
    descriptors = open_descriptors()
    for group in dict.fromkeys(program.group for program in programs):
        started = time.monotonic()
        run_group(vgrout, make, group, [program for program in programs if program.group == group], report)
        report["seconds"][group] = round(time.monotonic() - started, 2)
        if open_descriptors() != descriptors:
            report["left"].append(
                f"{group}: {descriptors} descriptors before, {open_descriptors()} after closing"
            )
        if settled(0):
            report["left"].append(f"{group}: processes after closing: {descendants()}")
    return report


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    if asked["uid"] is not None and os.getuid() == 0:
        try:
            become(asked["uid"], asked["paths"])
        except OSError as error:
            sys.exit(f"cannot become an ordinary uid here: {error}")
        # A fresh image: a process that changed its uid may not look at its own /proc.
        os.environ["HOME"] = "/nonexistent"
        os.execv(sys.executable, [sys.executable, __file__, json.dumps(asked | {"uid": None})])
    sys.path.insert(0, str(HERE))
    json.dump(main(asked), sys.stdout)
