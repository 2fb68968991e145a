"""A run's folder arrives while it is written, and what has arrived at any time can be gone on from."""

from pathlib import Path

import pytest

from vgrout.sweep import parcels
from vgrout.sweep.parcels import Receiver, Sender, packed, unpack


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def sent(sender: Sender, receiver: Receiver, *, whole: bool = False) -> list[tuple[str, int, int]]:
    """Send what has changed: file, start and length of each piece."""
    pieces = list(sender.pieces(whole=whole))
    for piece in pieces:
        receiver.take(piece)
    return [(piece.name, piece.start, len(piece.content)) for piece in pieces]


@pytest.fixture
def ends(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    return here, there, Sender(here), Receiver(there)


def test_rows_travel_once_and_other_files_as_often_as_they_change(ends) -> None:
    here, there, sender, receiver = ends
    (here / "metrics.jsonl").write_text("1\n")
    (here / "config.json").write_text("{}")
    assert sent(sender, receiver) == [("config.json", 0, 2), ("metrics.jsonl", 0, 2)]
    assert sent(sender, receiver) == []
    with (here / "metrics.jsonl").open("a") as file:
        file.write("2\n3\n")
    (here / "config.json").write_text('{"a": 1}')
    assert sent(sender, receiver) == [("config.json", 0, 8), ("metrics.jsonl", 2, 4)]
    assert contents(there) == contents(here)


def test_a_checkpoint_arrives_behind_the_rows_that_it_follows(ends) -> None:
    here, _, sender, receiver = ends
    (here / "checkpoint.pt").write_text("step 2")
    (here / "metrics.jsonl").write_text("1\n2\n")
    assert [name for name, *_ in sent(sender, receiver)] == ["metrics.jsonl", "checkpoint.pt"]


def test_rows_are_read_behind_the_checkpoint(ends) -> None:
    """A step that is saved between the two readings must not leave a checkpoint without its rows."""
    here, there, sender, receiver = ends
    (here / "checkpoint.pt").write_text("step 1")
    (here / "metrics.jsonl").write_text("1\n")
    pieces = sender.pieces()
    first = next(pieces)
    (here / "checkpoint.pt").write_text("step 2")
    for piece in (first, *pieces):
        receiver.take(piece)
    assert (there / "checkpoint.pt").read_text() == "step 1"
    sent(sender, receiver)
    assert contents(there) == contents(here)


def test_large_files_come_in_pieces_and_are_seen_whole(ends, monkeypatch) -> None:
    here, there, sender, receiver = ends
    monkeypatch.setattr(parcels, "PIECE_BYTES", 4)
    (here / "checkpoint.pt").write_bytes(b"0123456789")
    *some, last = sender.pieces()
    for piece in some:
        receiver.take(piece)
    assert not there.exists() or contents(there) == {}
    receiver.take(last)
    assert contents(there) == {"checkpoint.pt": b"0123456789"}
    (here / "metrics.jsonl").write_bytes(b"0123456789")
    sent(sender, receiver)
    with (here / "metrics.jsonl").open("ab") as file:
        file.write(b"abcdefghij")
    assert sent(sender, receiver) == [
        ("metrics.jsonl", 10, 4),
        ("metrics.jsonl", 14, 4),
        ("metrics.jsonl", 18, 2),
    ]
    assert contents(there) == contents(here)


def test_a_run_that_goes_on_elsewhere_replaces_what_came_of_its_last_place(ends, tmp_path) -> None:
    here, there, sender, receiver = ends
    (here / "metrics.jsonl").write_text("1\n2\n3\n")
    sent(sender, receiver)
    elsewhere = tmp_path / "elsewhere"
    unpack(packed(there), elsewhere)
    (elsewhere / "metrics.jsonl").write_text("1\n2\n")
    sent(Sender(elsewhere), Receiver(there))
    assert (there / "metrics.jsonl").read_text() == "1\n2\n"


def test_rows_that_are_cut_off_and_made_again_are_sent_again(ends) -> None:
    """A run that goes on drops the rows behind its checkpoint, and may have added as many before anybody looks."""
    here, there, sender, receiver = ends
    (here / "timing.jsonl").write_text('{"step":1,"at":"12:00"}\n{"step":2,"at":"12:01"}\n')
    sent(sender, receiver)
    (here / "timing.jsonl").write_text(
        '{"step":1,"at":"12:00"}\n{"step":2,"at":"13:01"}\n{"step":3,"at":"13:02"}\n'
    )
    sent(sender, receiver)
    assert contents(there) == contents(here)


def test_what_is_skipped_is_not_sent(ends) -> None:
    here, _, sender, receiver = ends
    (here / "checkpoint.pt").write_text("done")
    sender.skip()
    (here / "eval-scale-0.5.json").write_text("{}")
    assert sent(sender, receiver, whole=True) == [("eval-scale-0.5.json", 0, 2)]


def test_half_written_files_and_links_stay_behind(ends) -> None:
    here, there, sender, receiver = ends
    (here / ".checkpoint.pt.x.partial").write_text("half")
    (here / "checkpoint-previous.pt").write_text("older")
    (here / "link").symlink_to(here / "eval.json")
    (here / "empty").touch()
    sent(sender, receiver)
    assert contents(there) == {"empty": b""}
    sent(sender, receiver, whole=True)
    assert contents(there) == {"empty": b"", "checkpoint-previous.pt": b"older"}
