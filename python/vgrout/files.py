"""Files and folders that appear whole, are synced, and have one writer at a time: a leaf that anyone may use."""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vgrout.errors import ConfigError, StorageError

_PARTIAL = ".partial"
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP}
"""What some network file systems answer when a folder is synced."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the disk refuses inside is said of `path`.

    Raises:
        StorageError: in the place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def replacing(path: Path, *, keep: Path | None = None) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path`, synced, at the end: a reader sees the old one or the new one whole.

    Where the block raises, `path` stays as it was and nothing is left beside it. With `keep` the old file moves
    there, once the new one is on the disk. A link stays, and what it points to is replaced.

    Raises:
        StorageError: the disk refuses it, or `path` is a device, a pipe or a folder.
    """
    if path.is_symlink():
        path = path.resolve()
    if path.exists() and not path.is_file():
        raise StorageError(f"{path}: cannot be written: it is no regular file, and nothing else is replaced")
    with writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                # Says that it is no leftover, for as long as this process lives.
                _try_lock(handle)
                yield file
                file.flush()
                os.fsync(handle)
                temporary.chmod(0o644)
                if keep is not None and path.exists():
                    path.replace(keep)
                temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder that becomes `path`, synced with all that the block put in it.

    `path` does not exist, or is an empty folder. Where the block raises, nothing is left.

    Raises:
        ConfigError: its parent cannot be made.
        StorageError: the disk refuses it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_create("", path, error) from error
    with writing(path):
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent))
    try:
        yield folder
        with writing(path):
            for place in [folder, *folder.rglob("*")]:
                _sync(place)
            folder.chmod(0o755)
            folder.replace(path)
            sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def append_whole(path: Path, descriptor: int, data: bytes) -> None:
    """Write at the end of the file at `path`, which `descriptor` appends to: all of `data` or, where that fails, none.

    Raises:
        StorageError: the disk refuses it.
    """
    end = os.fstat(descriptor).st_size
    try:
        with writing(path):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.ftruncate(descriptor, end)
        raise


def make_folder(path: Path, flag: str) -> None:
    """Make the folder, its parents too.

    Raises:
        FileExistsError: something is there.
        ConfigError: it cannot be made; `flag` is what names it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, FileExistsError) and os.path.lexists(path):
            raise
        raise _cannot_create(f"{flag}: ", path, error) from error


def _cannot_create(flag: str, path: Path, error: OSError) -> ConfigError:
    # A parent that is a file "exists", which is not what is wrong with it.
    reason = f"{error.filename} is not a folder" if isinstance(error, FileExistsError) else error.strerror
    return ConfigError(f"{flag}cannot create {path}: {reason}\nhint: name a place that can be written to")


def make_free_folder(path: Path, flag: str) -> Path:
    """Make the folder `path` or, where that name is taken, `path-2`, `path-3` …; give the one that was made.

    Raises:
        ConfigError: it cannot be made; `flag` is what names it.
    """
    place, number = path, 1
    while True:
        with contextlib.suppress(FileExistsError):
            make_folder(place, flag)
            return place
        number += 1
        place = path.with_name(f"{path.name}-{number}")


def lock_folder(path: Path, flag: str, writer: str) -> int:
    """A descriptor that holds the folder until it is closed; a process that dies lets go of it.

    Raises:
        ConfigError: another `writer` holds it, or it cannot be held; `flag` is what names it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{flag}: {path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise ConfigError(
                f"{flag}: another {writer} is writing to {path}\nhint: wait for it or stop it"
            ) from error
        raise ConfigError(f"{flag}: {path} cannot be locked: {error.strerror}") from error
    return descriptor


def clear_leftovers(folder: Path) -> None:
    """Remove what killed writers left half-written in the folder; what a living one writes stays."""
    for leftover in folder.glob(f".*{_PARTIAL}"):
        with contextlib.suppress(FileNotFoundError), leftover.open("rb") as file:
            if _try_lock(file.fileno()):
                leftover.unlink()


def sync_folder(path: Path) -> None:
    """The names in the folder are on the disk."""
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
