"""The sizes that architecture.md promises."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from repo_files import ROOT, line_count, name_of, python_functions, repo_files

FUNCTION_LINES = 60
_RUST_FUNCTION = re.compile(r"^( *)(?:pub(?:\([^)]*\))? )?(?:(?:const|async|unsafe|extern \"C\") )*fn (\w+)")


def rust_functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and lines of every function, by rustfmt's rule that the closing brace has the head's indent."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        match = _RUST_FUNCTION.match(line)
        if not match:
            continue
        indent = match[1]
        for end in range(start, len(lines)):
            one_line = end == start and line.rstrip().endswith(("}", ";"))
            if one_line or lines[end] == f"{indent}}}" or lines[end].rstrip() == f"{indent}) -> ();":
                yield match[2], end - start + 1
                break


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts


def too_long(paths: list[Path], limit: int) -> dict[str, int]:
    return {name_of(path): lines for path in paths if (lines := line_count(path)) > limit}


def test_trainer_reads_in_250_lines() -> None:
    assert line_count(ROOT / "python" / "vgrout" / "train" / "trainer.py") <= 250


def test_python_files_hold_400_lines() -> None:
    assert too_long([path for path in repo_files(".py") if not is_test(path)], 400) == {}


def test_rust_files_hold_500_lines() -> None:
    assert too_long([path for path in repo_files(".rs") if not is_test(path)], 500) == {}


def test_extension_root_holds_80_lines() -> None:
    assert line_count(ROOT / "rust" / "vgrout-py" / "src" / "lib.rs") <= 80


def test_test_files_hold_500_lines() -> None:
    assert too_long([path for path in repo_files(".py", ".rs") if is_test(path)], 500) == {}


def test_python_functions_hold_60_lines() -> None:
    found = {
        f"{name_of(path)}::{name}": lines
        for path in repo_files(".py")
        for name, lines in python_functions(path)
        if lines > FUNCTION_LINES
    }
    assert found == {}


def test_rust_functions_hold_60_lines() -> None:
    found = {
        f"{name_of(path)}::{name}": lines
        for path in repo_files(".rs")
        for name, lines in rust_functions(path.read_text(encoding="utf-8"))
        if lines > FUNCTION_LINES
    }
    assert found == {}


def test_rust_function_lines_are_counted_from_head_to_brace() -> None:
    text = (
        "impl A {\n    pub fn one(&self) -> u8 { 1 }\n    pub(crate) const unsafe fn two(\n        a: u8,\n    ) -> u8 {\n"
        "        a\n    }\n}\ntrait B {\n    fn three(&self);\n}\nfn four() {\n    if x {\n    }\n}\n"
    )
    assert list(rust_functions(text)) == [("one", 1), ("two", 5), ("three", 1), ("four", 4)]


def test_no_name_of_the_runner_is_defined_twice():
    """Its parts become one program: a later name would quietly replace an earlier one."""
    owners: dict[str, str] = {}
    twice = []
    for path in sorted((ROOT / "rust/vgrout-grader/src").glob("runner*.py")):
        for node in ast.parse(path.read_text()).body:
            names = {
                name.id
                for target in getattr(node, "targets", [])
                for name in ast.walk(target)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            twice += [(name, owners[name], path.name) for name in names if name in owners]
            owners |= dict.fromkeys(names, path.name)
    assert twice == []
