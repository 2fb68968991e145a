"""Standard output that takes nothing: a full device is said in two lines, a reader that has gone is told nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from env_samples import row, write_rows

COMMANDS = [
    ["--help"],
    ["--version"],
    ["train"],
    ["train", "--help"],
    ["train", "smoke", "--help"],
    ["evaluate", "--help"],
    ["direction-bench", "--help"],
    ["export", "--help"],
    ["check", "DATA", "--help"],
    ["grade", "--help"],
    ["sweep", "--help"],
    ["organism", "build", "--help"],
    ["doctor", "--help"],
    ["report", "--help"],
    ["check", "problems.jsonl"],
    ["doctor"],
    ["grade", "--answers", "answers.jsonl", "--problems", "problems.jsonl", "--mode", "gt_only", "--out", "-"],
    ["grade", "--answers", "answers.jsonl", "--problems", "problems.jsonl", "--mode", "gt_only", "--out", "v.jsonl"],
]  # fmt: skip
CASES = [(arguments, "") for arguments in COMMANDS] + [(arguments, "1") for arguments in COMMANDS[::4]]


def said(arguments, stdout, folder, **environment):
    """Exit status and stderr of `vgrout ARGUMENTS` that writes to `stdout`."""
    problem = row()
    write_rows(folder / "problems.jsonl", [problem])
    answer = {"problem_id": problem["id"], "response": problem["canonical_solution"], "mode": "gt_only"}
    write_rows(folder / "answers.jsonl", [answer])
    done = subprocess.run(
        [sys.executable, "-m", "vgrout", *arguments],
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("arguments", "unbuffered"), CASES)
def test_a_full_device_is_two_lines(arguments, unbuffered, tmp_path):
    with Path("/dev/full").open("w") as full:
        status, err = said(arguments, full, tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert status == 1
    assert err.endswith(
        "error: standard output: cannot be written: No space left on device\n"
        "hint: make room there, or send it to another place\n"
    )
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.parametrize(("arguments", "unbuffered"), CASES)
def test_a_reader_that_has_gone_is_told_nothing(arguments, unbuffered, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        status, err = said(arguments, writing, tmp_path, PYTHONUNBUFFERED=unbuffered)
    finally:
        os.close(writing)
    assert status == 1
    assert [word for word in ("standard output:", "Exception", "Traceback") if word in err] == []


def test_a_closed_output_is_said_so(tmp_path):
    command = f"{sys.executable} -m vgrout --help >&-"
    done = subprocess.run(["bash", "-c", command], check=False, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output: cannot be written: Bad file descriptor\n")
