"""Every public thing says what it is."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from repo_files import ROOT, name_of, package_files, repo_files

_LINK = re.compile(r"\]\(([^)\s]+)\)")
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
    for name in ("config.py", "config_groups.py"):
        assert list(undocumented_fields(parsed(ROOT / "python" / "vgrout" / name))) == []


def local_links(page: Path) -> list[str]:
    return [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]


def anchors(page: Path) -> set[str]:
    """What a link into the page may name: its headings in small letters, dashes for spaces."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_to_files_and_headings() -> None:
    pages = repo_files(".md")
    found = [(page, *link.partition("#")[::2]) for page in pages for link in local_links(page)]
    assert len(found) > 20
    dead = {
        (name_of(page), path, anchor)
        for page, path, anchor in found
        for target in [page.parent / path if path else page]
        if not target.exists() or (anchor and anchor not in anchors(target))
    }
    assert dead == set()


def test_what_an_index_shows_links_to_no_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert local_links(ROOT / project["readme"]) == []
