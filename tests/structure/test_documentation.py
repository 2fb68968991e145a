"""Every public thing says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

from repo_files import ROOT, name_of, package_files

_DATA = ROOT / "python" / "vgrout" / "env" / "data"


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public classes, functions and methods without a docstring; "module" where the file has none."""
    if not ast.get_docstring(tree):
        yield "module"
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in (*tree.body, *classes, *(child for parent in classes for child in parent.body)):
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.name


def undocumented_fields(tree: ast.Module) -> Iterator[str]:
    """Fields of the file's classes that no string follows; a nested settings class speaks for itself."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, after in zip(node.body, [*node.body[1:], None], strict=True):
            says = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if (
                isinstance(field, ast.AnnAssign)
                and not says
                and not ast.unparse(field.annotation).endswith("Config")
            ):
                yield f"{node.name}.{ast.unparse(field.target)}"


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_missing_docstrings_are_found() -> None:
    tree = ast.parse(
        "class A:\n    def f(self): ...\n    x: int = 1\n    y: int\n    'says'\ndef _g(): ...\n"
    )
    assert list(undocumented(tree)) == ["module", "A", "A", "f"]
    assert list(undocumented_fields(tree)) == ["A.x"]


def test_every_public_name_has_a_docstring() -> None:
    files = [path for path in package_files() if not path.is_relative_to(_DATA)]
    found = {name_of(path): missing for path in files if (missing := list(undocumented(parsed(path))))}
    assert found == {}


def test_every_setting_says_what_it_means() -> None:
    assert list(undocumented_fields(parsed(ROOT / "python" / "vgrout" / "config.py"))) == []
