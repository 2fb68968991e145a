"""The files that belong to the repository: tracked, or new and not ignored."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BUILT = {".git", ".venv", "target", "runs", "models", "dist", "__pycache__"}


def repo_files(*suffixes: str) -> list[Path]:
    """Paths of the repository's files with one of the suffixes; all files without an argument."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:  # an unpacked archive has no index
        paths = [path for path in ROOT.rglob("*") if not _BUILT & set(path.relative_to(ROOT).parts)]
    files = [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]
    assert files, "the repository's files were not found"
    return sorted(files)


def package_files() -> list[Path]:
    """Python files of the package."""
    return [path for path in repo_files(".py") if path.is_relative_to(ROOT / "python" / "vgrout")]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines, decorators apart, of every function in a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def imported_names(path: Path) -> set[str]:
    """Dotted names of everything the file imports, function bodies included: `vgrout.env.MODES`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = path.relative_to(ROOT / "python").parts[: -node.level] if node.level else ()
            base = ".".join((*parts, *([node.module] if node.module else [])))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names
