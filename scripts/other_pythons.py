"""Tests of the compiled module under the machine's oldest and newest other CPython that the package takes, without torch.

One extension serves them all (abi3); nothing is downloaded but the tests' few packages. A machine with one Python passes.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST, NEWEST = (3, 11), (3, 14)
PACKAGES = ("numpy", "jaxtyping", "pydantic", "annotated-types", "pytest", "pytest-timeout", "hypothesis")
PARTS = ("answers", "honest", "judge", "matrix", "nodes", "process", "settings")
TESTS = (
    "tests/unit/test_native_values.py",
    "tests/unit/test_score_buffer.py",
    *(f"tests/unit/test_grader_{part}.py" for part in PARTS),
    "tests/unit/test_judge_designs.py",
    "tests/unit/test_judge_operators.py",
    "tests/attacks/test_judge_negatives.py",
    "tests/attacks/test_judge_differential.py",
)
SAYS = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.base_prefix)"


def candidates() -> Iterator[Path]:
    """Interpreters on the path and where pyenv keeps them."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for folder in [*sorted(pyenv.glob("versions/*/bin")), *folders]:
        for file in sorted(folder.glob("python3.*")) if folder.is_dir() else ():
            if re.fullmatch(r"python3\.\d+", file.name):
                yield file


def others() -> dict[tuple[int, int], Path]:
    """The oldest and the newest by version, but for the one that runs this."""
    found: dict[tuple[int, int], Path] = {}
    for python in candidates():
        asked = subprocess.run([python, "-c", SAYS], capture_output=True, text=True, check=False)
        words = asked.stdout.split(maxsplit=3)
        # A pyenv shim of a version that is not chosen only complains.
        if asked.returncode == 0 and words[0] == "cpython":
            found.setdefault((int(words[1]), int(words[2])), python)
    usable = sorted(version for version in found if OLDEST <= version <= NEWEST)
    wanted = {version: found[version] for version in usable[:1] + usable[-1:]}
    wanted.pop(sys.version_info[:2], None)
    return wanted


def main() -> int:
    """Run the tests under each; the worst exit status."""
    status = 0
    wanted = others()
    if not wanted:
        sys.stdout.write("no other CPython from 3.11 on is at hand; `test-py` has tried this one\n")
    for (major, minor), python in wanted.items():
        sys.stdout.write(f"Python {major}.{minor}, {python}\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as folder:
            own = Path(folder) / "venv" / "bin" / "python"
            subprocess.run(["uv", "venv", "--quiet", "--python", python, own.parents[1]], check=True)
            subprocess.run(
                ["uv", "pip", "install", "--quiet", "--python", own, *PACKAGES], cwd=ROOT, check=True
            )
            command = [own, "-m", "pytest", "-q", "-m", "not slow", *TESTS]
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "python")}, check=False
            )
        status = max(status, done.returncode)
    return status


if __name__ == "__main__":
    sys.exit(main())
