"""The repository holds nothing of the machine it was written on."""

import re
from pathlib import Path

from repo_files import ROOT, name_of, repo_files

DIRECTORIES = ("work", "workspace", "home", "Users", "root", "mnt")
MACHINE_PATH = re.compile(rf"(?<![\w./-])/(?:{'|'.join(DIRECTORIES)})/[A-Za-z_.]")
URL_HOST = re.compile(r"(?:https?|git|ssh)://(?:[^/\s@]*@)?([A-Za-z0-9.-]+)")
HOSTS = {
    "arxiv.org",
    "astral.sh",
    "crates.io",
    "doc.rust-lang.org",
    "docs.astral.sh",
    "docs.python.org",
    "docs.rs",
    "github.com",
    "huggingface.co",
    "json-schema.org",
    "keepachangelog.com",
    "localhost",
    "man7.org",
    "peps.python.org",
    "pypi.org",
    "rustup.rs",
    "sh.rustup.rs",
    "semver.org",
    "www.apache.org",
    "www.kernel.org",
    "www.w3.org",  # the namespace of a picture
}
LOCK_FILES = {"uv.lock", "poetry.lock", "pdm.lock", "pip.conf", "uv.toml", ".netrc", ".pypirc"}
# Attacks name the paths that a hostile answer would try.
EXEMPT = ("tests/attacks/", "rust/vgrout-sandbox/", "LICENSE")


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in repo_files():
        content = path.read_bytes()
        if b"\0" not in content:
            found.append((path, content.decode("utf-8", errors="replace")))
    return found


def test_no_file_names_a_path_of_one_machine() -> None:
    found = {
        f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path, text in texts()
        if not name_of(path).startswith(EXEMPT)
        for match in MACHINE_PATH.finditer(text)
    }
    assert found == set()


def test_urls_name_public_hosts_only() -> None:
    found = {
        (name_of(path), host)
        for path, text in texts()
        for host in URL_HOST.findall(text)
        if host not in HOSTS
    }
    assert found == set()


def test_files_that_record_download_addresses_are_not_committed() -> None:
    assert [name_of(path) for path in repo_files() if path.name in LOCK_FILES] == []
    assert "registry+" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_no_file_is_larger_than_a_megabyte() -> None:
    assert {
        name_of(path): path.stat().st_size for path in repo_files() if path.stat().st_size > 1 << 20
    } == {}


def test_machine_paths_are_recognised() -> None:
    for directory in DIRECTORIES:
        for text in (
            f"see /{directory}/me/x",
            f'"/{directory}/main"',
            f"(/{directory}/.x)",
            f"cd /{directory}/x",
        ):
            assert MACHINE_PATH.search(text), text
        for text in (
            f"a/{directory}/b",
            f"https://github.com/{directory}/x",
            f"./{directory}/x",
            f"../{directory}/x",
        ):
            assert not MACHINE_PATH.search(text), text
