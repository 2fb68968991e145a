"""Every program at every fence level, as root and as an ordinary user: no forgery, no escape, equal verdicts."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attack_suite import HERE, SUITES, complaints, read_suite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LEVELS = {
    "full": (),
    "landlock": ("namespaces", "cgroup"),
    "base": ("landlock", "namespaces", "cgroup"),
}
ORDINARY_UID = 54321
RUNS = [(level, identity) for level in LEVELS for identity in ("root", "ordinary")]


def interpreter_paths() -> list[str]:
    """What an ordinary uid must be able to read: the interpreter, its environment, this checkout."""
    link, paths = Path(sys.executable), [Path(sys.prefix), Path(sys.base_prefix), HERE.parents[1]]
    while link.is_symlink():
        link = link.parent / link.readlink()
        paths.append(link.parent.parent)
    return sorted({str(path.resolve()) for path in paths})


@functools.cache
def run(level: str, identity: str) -> dict:
    if identity == "root" and os.getuid() != 0:
        pytest.skip("this session is not root's")
    uid = ORDINARY_UID if identity == "ordinary" and os.getuid() == 0 else None
    request = {"disable": LEVELS[level], "uid": uid, "suites": list(SUITES), "paths": interpreter_paths()}
    done = subprocess.run(
        [sys.executable, str(HERE / "attack_run.py"), json.dumps(request)],
        capture_output=True,
        text=True,
        check=False,
        timeout=390,
    )
    if "cannot become an ordinary uid here" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    if level == "landlock" and set(report["levels"]) == {"base"}:
        pytest.skip("this kernel has no Landlock: the level is the base level")
    return report


@pytest.mark.parametrize(("level", "identity"), RUNS)
def test_every_verdict_is_what_the_program_says(level: str, identity: str) -> None:
    verdicts = run(level, identity)["verdicts"]
    wrong = []
    for suite in SUITES:
        for program in read_suite(suite):
            for mode in program.modes:
                entry = verdicts.pop(key := f"{suite}/{program.name}/{mode}")
                found = complaints(program, mode, entry["facts"], entry["detail"], entry["stdout"])
                wrong += [f"{key}: {what}" for what in found]
                verdicts[key] = entry
    assert wrong == []


@pytest.mark.parametrize(("level", "identity"), RUNS)
def test_nothing_is_left_behind(level: str, identity: str) -> None:
    assert run(level, identity)["left"] == []


@pytest.mark.parametrize(("level", "identity"), RUNS)
def test_run_had_the_level_and_the_identity(level: str, identity: str) -> None:
    report = run(level, identity)
    assert (report["uid"] == 0) == (identity == "root")
    if level != "full":
        assert set(report["levels"]) == {level}


def test_verdicts_are_equal_at_every_level_and_for_every_identity() -> None:
    reports = {}
    for level, identity in RUNS:
        try:
            reports[level, identity] = run(level, identity)["verdicts"]
        except pytest.skip.Exception:
            continue
    assert len(reports) >= 2
    reference = reports.pop(next(iter(reports)))
    for which, verdicts in reports.items():
        assert set(verdicts) == set(reference)
        different = {
            key: (reference[key]["facts"], verdicts[key]["facts"])
            for key in reference
            if verdicts[key]["facts"] != reference[key]["facts"]
        }
        assert different == {}, which


def test_suites_hold_what_was_promised() -> None:
    counts = {suite: len(read_suite(suite)) for suite in SUITES}
    assert counts["attacks"] >= 70
    assert counts["benign"] >= 60
    assert counts["refused"] >= 15
    for suite in SUITES:
        names = [program.name for program in read_suite(suite)]
        assert len(set(names)) == len(names)
        assert all(program.goal for program in read_suite(suite))
