"""A run's folder sent piece by piece while it is being written, so that it arrives without a shared file system.

What is sent at any time is fit to go on from: the checkpoint is read before the rows that it follows, and put in place
behind them.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from vgrout.artifacts import CHECKPOINT, PREVIOUS_CHECKPOINT
from vgrout.files import replacing, writing

PIECE_BYTES = 32 << 20
"""Most bytes that travel in one message."""
_GROWING = ".jsonl"
_END_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some bytes of a file."""

    name: str
    """Of the file, in the run's folder."""
    start: int
    """Where in the file they begin; 0 begins it anew."""
    content: bytes
    last: bool
    """The file is whole with these: only then is it put in place."""


@dataclass
class Sender:
    """Knows what of a folder has been sent."""

    folder: Path
    _sent: dict[str, tuple[int, int]] = field(default_factory=dict)
    """File to its size and time of change when it was sent."""
    _ends: dict[str, bytes] = field(default_factory=dict)
    """File of rows to the last bytes that were sent: a run that goes on cuts rows off before it adds others."""

    def skip(self) -> None:
        """Take what is there now for sent."""
        for _ in self.pieces(whole=True):
            pass

    def pieces(self, *, whole: bool = False) -> Iterator[Piece]:
        """What has changed since the last call; of files of rows only what was added.

        The checkpoint before the last is sent where the run has ended, `whole`.
        """
        names = sorted(entry.name for entry in os.scandir(self.folder) if _is_sent(entry, whole=whole))
        held: list[Piece] = []
        if CHECKPOINT in names:
            # The rows that it follows are read behind it and put in place before it.
            names.remove(CHECKPOINT)
            held = list(self._changes(CHECKPOINT))
        for name in names:
            yield from self._changes(name)
        yield from held

    def _changes(self, name: str) -> Iterator[Piece]:
        try:
            with (self.folder / name).open("rb") as file:
                state = os.fstat(file.fileno())
                seen = (state.st_size, state.st_mtime_ns)
                before = self._sent.get(name)
                if before == seen:
                    return
                start = self._known(file, name)
                file.seek(start)
                while True:
                    content = file.read(min(PIECE_BYTES, seen[0] - start))
                    end = start + len(content)
                    yield Piece(name=name, start=start, content=content, last=end >= seen[0] or not content)
                    start = end
                    if start >= seen[0] or not content:
                        break
                self._sent[name] = (start, seen[1])
                self._ends[name] = _bytes_before(file, start)
        except FileNotFoundError:
            return

    def _known(self, file: IO[bytes], name: str) -> int:
        """How much of the file the other side has."""
        size = self._sent.get(name, (0, 0))[0]
        if not name.endswith(_GROWING) or os.fstat(file.fileno()).st_size < size:
            return 0
        return size if _bytes_before(file, size) == self._ends.get(name, b"") else 0


class Receiver:
    """Puts what a `Sender` sends into a folder; a reader of it sees whole files, or rows that only grow."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made before the first piece."""
        self._folder = folder
        self._parts: dict[str, list[bytes]] = {}

    def take(self, piece: Piece) -> None:
        """Put one piece in its place.

        Raises:
            StorageError: the disk refuses it.
        """
        path = self._folder / piece.name
        with writing(path):
            self._folder.mkdir(parents=True, exist_ok=True)
        parts = self._parts.setdefault(piece.name, [])
        parts.append(piece.content)
        if not piece.last:
            return
        content = b"".join(self._parts.pop(piece.name))
        first = piece.start + len(piece.content) - len(content)
        if first == 0:
            with replacing(path) as file:
                file.write(content)
            return
        with writing(path), path.open("r+b") as file:
            file.truncate(first)
            file.seek(first)
            file.write(content)


def _bytes_before(file: IO[bytes], end: int) -> bytes:
    """The last few bytes before that place; a row is told from others by them, as it ends in its figures."""
    file.seek(max(0, end - _END_BYTES))
    return file.read(min(end, _END_BYTES))


def packed(folder: Path) -> list[Piece]:
    """A whole folder, for another place to go on in."""
    return list(Sender(folder).pieces(whole=True)) if folder.is_dir() else []


def unpack(pieces: Iterable[Piece], folder: Path) -> None:
    """Put `packed`'s pieces into `folder`."""
    receiver = Receiver(folder)
    for piece in pieces:
        receiver.take(piece)


def _is_sent(entry: "os.DirEntry[str]", *, whole: bool) -> bool:
    skipped = entry.name.startswith(".") or (entry.name == PREVIOUS_CHECKPOINT and not whole)
    return entry.is_file(follow_symlinks=False) and not skipped
