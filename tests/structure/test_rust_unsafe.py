"""`unsafe` stands where architecture.md says, and nowhere else."""

import re

from repo_files import ROOT, name_of, repo_files

ALLOWED = ("rust/vgrout-sandbox/", "rust/vgrout-buffer/src/ring.rs", "rust/vgrout-py/src/buffer.rs")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_UNSAFE = re.compile(r"\bunsafe\s*(?:\{|\(|fn\b|impl\b|extern\b|trait\b)")


def uses_unsafe(text: str) -> bool:
    return bool(_UNSAFE.search(_COMMENT.sub("", text)))


def test_unsafe_is_found_in_code_and_not_in_words() -> None:
    assert uses_unsafe("let x = unsafe { f() };")
    assert uses_unsafe("#[unsafe(no_mangle)]\nfn f() {}")
    assert uses_unsafe("unsafe impl Send for A {}")
    assert not uses_unsafe("#![forbid(unsafe_code)]\n// unsafe { no }\n/* unsafe fn */")


def test_unsafe_code_stands_only_in_its_places() -> None:
    users = {name_of(path) for path in repo_files(".rs") if uses_unsafe(path.read_text(encoding="utf-8"))}
    assert {name for name in users if not name.startswith(ALLOWED)} == set()


def test_grader_forbids_unsafe_code() -> None:
    assert "#![forbid(unsafe_code)]" in (ROOT / "rust" / "vgrout-grader" / "src" / "lib.rs").read_text(
        encoding="utf-8"
    )
