"""Who may import whom, and what imports without torch."""

import subprocess
import sys

import pytest
from repo_files import ROOT, imported_names, name_of, package_files

HEAVY = ("torch", "transformers", "peft", "vllm", "ray")
TORCH_FREE = (
    "vgrout",
    "vgrout.errors",
    "vgrout.config",
    "vgrout.presets",
    "vgrout.cli",
    "vgrout.schemas",
    "vgrout.artifacts",
    "vgrout.env",
    "vgrout.grading",
    "vgrout.integrations",
    "vgrout.integrations.trl",
    "vgrout.integrations.verl",
    "vgrout.integrations.verifiers",
    "vgrout.integrations.openrlhf",
    "vgrout.commands.direction_bench",
    "vgrout.commands.evaluate",
    "vgrout.commands.export",
    "vgrout.commands.grade",
    "vgrout.commands.sweep",
    "vgrout.sweep.ray",
    "vgrout.commands.train",
    "vgrout.organism.corpus",
    "vgrout.commands.doctor",
    "vgrout.commands.report",
    "vgrout.report",
)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", TORCH_FREE)
def test_module_imports_without_torch(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set({HEAVY}) & set(sys.modules)))"
    result = python("-c", code)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


@pytest.mark.parametrize("entry", ["main", "train_main"])
def test_help_is_printed_without_torch(entry: str) -> None:
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('loaded', sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['vgrout', '--help']\nfrom vgrout.cli import {entry}\nsys.exit({entry}())"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    assert "usage" in result.stdout.lower()
    assert result.stderr.strip().splitlines()[-1] == "loaded []"


def test_layers_are_kept() -> None:
    script = "import sys\nfrom importlinter.cli import lint_imports\nsys.exit(lint_imports(no_cache=True))"
    result = python("-c", script)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def test_every_package_module_stands_in_a_layer() -> None:
    """A new top-level module must be put into `.importlinter`, or nothing watches its imports."""
    contracts = (ROOT / ".importlinter").read_text(encoding="utf-8")
    package = ROOT / "python" / "vgrout"
    names = {path.relative_to(package).parts[0].removesuffix(".py") for path in package_files()} - {
        "__init__"
    }
    words = set(contracts.replace("(", " ").replace(")", " ").replace("vgrout.", " ").split())
    assert names - words == set()


def test_report_imports_artifacts_and_statistics_only() -> None:
    allowed = ("artifacts", "errors", "evals.metrics", "files", "report", "schemas")
    files = [path for path in package_files() if path.is_relative_to(ROOT / "python" / "vgrout" / "report")]
    own = {
        name_of(path): wrong
        for path in files
        if (
            wrong := {
                name
                for name in imported_names(path)
                if name.split(".")[0] in {"vgrout", *HEAVY}
                and not name.startswith(tuple(f"vgrout.{part}" for part in allowed))
            }
        )
    }
    assert own == {}


def test_only_grading_imports_the_native_grader() -> None:
    importers = {
        name_of(path)
        for path in package_files()
        if {"vgrout._native", "vgrout._native.Grader", "vgrout._native.GradeJob"} & imported_names(path)
    }
    assert importers == {"python/vgrout/grading.py"}
