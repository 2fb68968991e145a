"""Files and folders are whole and synced or not there, and a folder has one writer."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vgrout.errors import ConfigError, StorageError
from vgrout.files import append_whole, clear_leftovers, lock_folder, make_free_folder, new_folder, replacing


@pytest.fixture
def happened(monkeypatch):
    """What is done to the disk, in order."""
    events = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        events.append(f"sync {kind}")
        fsync(descriptor)

    def note_replace(self, target):
        events.append(f"rename to {Path(target).name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    return events


def full_disk(*_arguments, **_named):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_synced_before_it_is_seen_and_its_folder_after(tmp_path, happened):
    with replacing(tmp_path / "x") as file:
        file.write(b"new")
    assert happened == ["sync file", "rename to x", "sync folder"]
    assert (tmp_path / "x").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644


def test_the_old_file_is_kept_only_once_the_new_one_is_whole(tmp_path, happened):
    for content in (b"1", b"2", b"3"):
        with replacing(tmp_path / "x", keep=tmp_path / "old") as file:
            file.write(content)
    assert happened[-4:] == ["sync file", "rename to old", "rename to x", "sync folder"]
    assert ((tmp_path / "x").read_bytes(), (tmp_path / "old").read_bytes()) == (b"3", b"2")


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "tempfile.mkstemp"])
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, call):
    (tmp_path / "x").write_bytes(b"old")
    monkeypatch.setattr(call, full_disk)
    with (
        pytest.raises(StorageError, match=r"x: cannot be written: No space left on device"),
        replacing(tmp_path / "x") as file,
    ):
        file.write(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"old"}


def test_what_is_appended_is_all_there_or_not_at_all(tmp_path, monkeypatch):
    """The kernel may take a part, and refuse the rest."""
    path, write = tmp_path / "rows", os.write
    with path.open("ab", buffering=0) as file:
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
        append_whole(path, file.fileno(), b"12345")
        assert path.read_bytes() == b"12345"
        monkeypatch.setattr(
            os, "write", lambda *both: write(both[0], both[1][:2]) if len(both[1]) > 3 else full_disk()
        )
        with pytest.raises(StorageError, match=r"rows: cannot be written: No space left on device"):
            append_whole(path, file.fileno(), b"67890")
    assert path.read_bytes() == b"12345"


def test_a_folder_appears_whole_and_synced(tmp_path, happened):
    with new_folder(tmp_path / "a" / "pool") as folder:
        (folder / "below").mkdir()
        (folder / "below" / "x").write_bytes(b"1")
        assert not (tmp_path / "a" / "pool").exists()
    assert sorted(happened[:3]) == ["sync file", "sync folder", "sync folder"]
    assert happened[3:] == ["rename to pool", "sync folder"]
    assert (tmp_path / "a" / "pool" / "below" / "x").read_bytes() == b"1"


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "pool") as folder:
        (folder / "missing" / "x").write_bytes(b"1")
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_writer_go_and_those_of_a_living_one_stay(tmp_path):
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom vgrout.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half')\n    file.flush()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "dead")], check=False)
    assert killed.returncode == -signal.SIGKILL
    (tmp_path / ".bashrc").touch()
    with replacing(tmp_path / "alive") as file:
        assert len(list(tmp_path.glob(".*.partial"))) == 2
        clear_leftovers(tmp_path)
        file.write(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".bashrc", "alive"]


def test_a_taken_name_gets_a_number(tmp_path):
    made = [make_free_folder(tmp_path / "runs" / "x", "--run-dir").name for _ in range(3)]
    assert made == ["x", "x-2", "x-3"]
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--run-dir: cannot create .*file/x: .*file is not a folder"):
        make_free_folder(tmp_path / "file" / "x", "--run-dir")


def test_a_folder_has_one_writer(tmp_path):
    held = lock_folder(tmp_path, "--out", "sweep")
    with pytest.raises(ConfigError, match=r"--out: another sweep is writing to .*\nhint: wait for it"):
        lock_folder(tmp_path, "--out", "sweep")
    os.close(held)
    os.close(lock_folder(tmp_path, "--out", "sweep"))
    with pytest.raises(ConfigError, match=r"--out: .*nowhere cannot be opened: No such file"):
        lock_folder(tmp_path / "nowhere", "--out", "sweep")


def test_only_regular_files_are_replaced_and_links_stay(tmp_path):
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(StorageError, match="it is no regular file"), replacing(path) as file:
            file.write(b"new")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    target.write_bytes(b"old")
    link.symlink_to("target")
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
