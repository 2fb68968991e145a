"""`_native.pyi` and the compiled module say the same: names, signatures and documentation."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from repo_files import ROOT

from vgrout import _native

STUB = ROOT / "python" / "vgrout" / "_native.pyi"
# What only the runner inside the sandbox calls has no types.
UNTYPED = ("__all__", "_Zygote", "_serve_zygote")


def documented(tree: ast.Module) -> Iterator[tuple[str, str | None, Any]]:
    """Name, the stub's docstring and the compiled thing; of all public classes, methods and properties."""
    yield "_native", ast.get_docstring(tree), _native
    for stub in tree.body:
        if isinstance(stub, ast.ClassDef) and not stub.name.startswith("_"):
            compiled = getattr(_native, stub.name)
            yield stub.name, ast.get_docstring(stub), compiled
            for member in stub.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("__"):
                    name = f"{stub.name}.{member.name}"
                    yield name, ast.get_docstring(member), getattr(compiled, member.name, None)


def test_help_shows_what_the_stub_says() -> None:
    """Both are read: the stub by editors, the compiled text by `help`."""
    found = list(documented(ast.parse(STUB.read_text(encoding="utf-8"))))
    assert len(found) > 80
    stub = {name: text for name, text, _ in found}
    assert stub == {name: inspect.getdoc(compiled) for name, _, compiled in found}
    assert None not in stub.values()


@pytest.mark.slow
def test_the_stub_has_the_compiled_names_and_signatures(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text("".join(f"vgrout._native.{name}\n" for name in UNTYPED))
    checker = [sys.executable, "-m", "mypy.stubtest", "vgrout._native", "--concise"]
    options = ["--mypy-config-file", str(ROOT / "pyproject.toml"), "--allowlist", str(allowed)]
    checked = subprocess.run([*checker, *options], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
