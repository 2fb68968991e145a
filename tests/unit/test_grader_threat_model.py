"""The threat model names tests; a name that is not there proves nothing."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def rust_files(name: str) -> list[Path]:
    return sorted((ROOT / "rust").rglob(name))


def test_every_rust_test_that_is_named_exists() -> None:
    named = re.findall(r"(\w+\.rs)::(\w+)(…?)", TEXT)
    assert len(named) >= 8
    for file, test, cut in named:
        sources = "".join(path.read_text(encoding="utf-8") for path in rust_files(file))
        assert re.search(rf"fn {test}{'' if cut else chr(92) + 'b'}", sources), f"{file}::{test}"


def test_every_file_that_is_named_exists() -> None:
    for name in re.findall(r"`(\w+\.rs)", TEXT):
        assert rust_files(name), name
    tests = {path.name for path in (ROOT / "tests").rglob("*.py")}
    named = re.findall(r"`(?:tests/)?(?:attacks/)?(\w+\.py)", TEXT)
    assert named
    assert [name for name in named if name not in tests] == []


def test_every_python_test_and_attack_that_is_named_exists() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for test in set(re.findall(r"`(test_\w+)`", TEXT)) - {"test_bitmap"}:  # a field of a verdict
        assert f"def {test}(" in sources, test
    numbers = {path.name.split("_")[0] for path in (ROOT / "tests" / "attacks").glob("[0-9]*.py")}
    cited = re.findall(r"`attacks/(\d+)[`_]|`–`(\d+)`", TEXT)
    assert cited
    assert [first or last for first, last in cited if (first or last) not in numbers] == []
