"""The file of verdicts that `vgrout grade` writes: appended batch by batch, gone on with after an interruption."""

import fcntl
import json
import os
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vgrout.answer_files.submissions import Submission
from vgrout.env.jsonl import parse_row
from vgrout.errors import DataError
from vgrout.files import append_whole, replacing, writing
from vgrout.grading import Verdict

_START = b'{"id": '
_FIELDS = ("outcome", "reward", "passed", "gt_correct", "exploited")


class Totals:
    """Counts over all rows of a file."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.passed = 0
        self.gt_correct = 0
        self.exploited = 0
        self.reward = 0.0

    @property
    def answers(self) -> int:
        """Rows."""
        return self.outcomes.total()

    def add(self, row: dict[str, Any]) -> None:
        """Count a row."""
        self.outcomes[row["outcome"]] += 1
        self.passed += bool(row["passed"])
        self.gt_correct += bool(row["gt_correct"])
        self.exploited += bool(row["exploited"])
        self.reward += row["reward"]


class VerdictStream:
    """Rows on standard output: nothing is there before, and nothing can be gone on with."""

    can_go_on = False
    name = "standard output"
    repaired = False

    def __init__(self) -> None:
        self.totals = Totals()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def __len__(self) -> int:
        return self.totals.answers

    def has(self, answer: Submission) -> bool:
        """Never."""
        del answer
        return False

    def append(self, graded: list[tuple[Submission, Verdict]], *, level: str, keep_stdout: bool) -> None:
        """Write a batch."""
        for answer, verdict in graded:
            row = verdict_row(answer, verdict, level=level, keep_stdout=keep_stdout)
            sys.stdout.write(json.dumps(row) + "\n")
            self.totals.add(row)
        sys.stdout.flush()

    def put_in_order(self, keys: list[str]) -> None:
        """Batches come in the order of the answers."""


class VerdictFile:
    """Rows already there, and a place to append more.

    Whole batches are written and synced, so a kill loses at most the batch in flight; a last line that was cut is
    taken off when the file is opened again.

    Raises:
        DataError: the file cannot be written, another command is writing it, or it is not a file of verdicts.
    """

    can_go_on = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.totals = Totals()
        self.repaired = False
        self._digests: dict[str, str] = {}
        self._is_new = not path.exists()
        if path.suffix == ".gz":
            raise DataError(f"{path}: verdicts are written as plain JSON lines\nhint: leave out `.gz`")
        if not self._is_new and not path.is_file():
            raise DataError(f"{path}: is no regular file\nhint: `--out -` writes to standard output")
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}\nhint: check the path") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise DataError(
                f"{path}: another `vgrout grade` is writing it\nhint: wait for it, or name another file"
            ) from error
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._is_new and not self._digests:
            self.path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._digests)

    def has(self, answer: Submission) -> bool:
        """The answer's verdict stands in the file.

        Raises:
            DataError: a verdict of that id does, but of another text, problem, mode, marker or setting.
        """
        digest = self._digests.get(answer.key)
        if digest not in {None, answer.digest}:
            raise DataError(
                f"{self.path}: id {answer.id!r} was graded before with another answer, problem, mode, marker or setting"
                "\nhint: name another file, or move this one away"
            )
        return digest is not None

    def append(self, graded: list[tuple[Submission, Verdict]], *, level: str, keep_stdout: bool) -> None:
        """Write a batch: all of it or, where that fails, none."""
        rows = [
            verdict_row(answer, verdict, level=level, keep_stdout=keep_stdout) for answer, verdict in graded
        ]
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        append_whole(self.path, self._file.fileno(), data)
        # From here on they stand there: an interrupt of the sync takes none of them back.
        for (answer, _), row in zip(graded, rows, strict=True):
            self._digests[answer.key] = answer.digest
            self.totals.add(row)
        with writing(self.path):
            os.fsync(self._file.fileno())

    def put_in_order(self, keys: list[str]) -> None:
        """Bring the rows into the order of `keys`, others behind them; does nothing where they are."""
        place = {key: index for index, key in enumerate(keys)}
        places = [place.get(key, len(keys)) for key in self._digests]
        if places == sorted(places):
            return
        lines = self.path.read_bytes().splitlines(keepends=True)
        order = sorted(range(len(lines)), key=places.__getitem__)
        with replacing(self.path) as file:
            file.writelines(lines[index] for index in order)

    def _load(self) -> None:
        good = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                # What a kill left of our own line, and nothing else, may be cut off.
                if not line.endswith(b"\n") and line[: len(_START)] == _START[: len(line)]:
                    self._file.truncate(good)
                    self.repaired = True
                    return
                self._take(f"{self.path}:{number}", line)
                good += len(line)

    def _take(self, where: str, line: bytes) -> None:
        hint = "\nhint: this is no file of verdicts; name another one, or move it away"
        try:
            row = parse_row(where, line)
        except DataError as error:
            raise DataError(f"{str(error).partition(chr(10))[0]}{hint}") from error
        missing = [name for name in ("id", "digest", *_FIELDS) if name not in row]
        if missing:
            raise DataError(f"{where}: field `{missing[0]}`: missing{hint}")
        if str(row["id"]) in self._digests:
            raise DataError(f"{where}: field `id`: {row['id']!r} stands there twice{hint}")
        self._digests[str(row["id"])] = row["digest"]
        self.totals.add(row)


def verdict_row(answer: Submission, verdict: Verdict, *, level: str, keep_stdout: bool) -> dict[str, Any]:
    """One line of the file: which answer, every field of its verdict, and the fence it was obtained under."""
    fields = verdict.to_dict()
    stdout = fields.pop("stdout")
    if keep_stdout:
        fields["stdout"] = stdout.decode("utf-8", errors="backslashreplace")
    return {
        "id": answer.id,
        "problem_id": answer.problem_id,
        "mode": answer.mode,
        "marker": answer.marker,
        **fields,
        "fence": level,
        "digest": answer.digest,
    }
