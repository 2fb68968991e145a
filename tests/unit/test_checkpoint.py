"""Checkpoints come back whole or are refused in our own words, and the one before the last stands in."""

import errno
import logging
import os
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from vgrout.artifacts import CHECKPOINT, PREVIOUS_CHECKPOINT
from vgrout.errors import ConfigError, DataError, StorageError
from vgrout.routing import direction_from_activations
from vgrout.train import checkpoint

FLIPS = 600


def a_checkpoint(step: int = 7) -> checkpoint.Checkpoint:
    rows = torch.randn(6, 3, 2, generator=torch.Generator().manual_seed(0))
    return checkpoint.Checkpoint(
        step=step,
        adapter={"weight": torch.arange(4.0), "rank": 4},
        optimizer={"state": {0: {"step": torch.tensor(2.0)}}, "groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]},
        arm={"rows": np.arange(6, dtype=np.float32).reshape(2, 3), "bits": np.arange(3, dtype=np.uint16), "raw": b"\x00\xff", "n": np.int64(3)},
        guard={"best": -1.5, "steps_below": 1},
        direction=direction_from_activations(rows, -rows),
        direction_step=6,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """A saved checkpoint's file."""
    checkpoint.save(tmp_path / CHECKPOINT, a_checkpoint())
    return tmp_path / CHECKPOINT


@pytest.fixture
def said(caplog, monkeypatch):
    """Log records, also after a run of this process has taken the package's log to its console."""
    monkeypatch.setattr(logging.getLogger("vgrout"), "propagate", True)
    return caplog


def two_saves(folder):
    """The folder of a run that saved step 7, then step 8."""
    for step in (7, 8):
        checkpoint.save(folder / CHECKPOINT, a_checkpoint(step), previous=folder / PREVIOUS_CHECKPOINT)


def test_a_checkpoint_comes_back_whole(path):
    saved, loaded = a_checkpoint(), checkpoint.load(path)
    assert (loaded.step, loaded.guard, loaded.direction_step) == (7, saved.guard, 6)
    assert torch.equal(loaded.adapter["weight"], saved.adapter["weight"])
    assert loaded.optimizer["groups"] == saved.optimizer["groups"]
    assert loaded.arm["rows"].dtype == np.float32
    assert np.array_equal(loaded.arm["rows"], saved.arm["rows"])
    assert np.array_equal(loaded.arm["bits"], saved.arm["bits"])
    assert (loaded.arm["raw"], loaded.arm["n"]) == (b"\x00\xff", 3)
    assert torch.equal(loaded.direction.vector, saved.direction.vector)
    assert loaded.direction.haar_aurocs == saved.direction.haar_aurocs
    assert [file.name for file in path.parent.iterdir()] == [CHECKPOINT]


def test_torch_opens_a_checkpoint_by_itself(path):
    assert torch.load(path, weights_only=True)["step"] == 7


def test_equal_states_are_equal_files(path, tmp_path):
    checkpoint.save(tmp_path / "again.pt", a_checkpoint())
    assert (tmp_path / "again.pt").read_bytes() == path.read_bytes()


def test_a_state_that_was_read_back_is_saved_as_the_same_file(path, tmp_path):
    checkpoint.save(tmp_path / "again.pt", checkpoint.load(path))
    assert (tmp_path / "again.pt").read_bytes() == path.read_bytes()


def test_every_flipped_bit_is_noticed(path):
    whole, numbers = path.read_bytes(), random.Random(0)
    for place in [0, len(whole) - 1, *(numbers.randrange(len(whole)) for _ in range(FLIPS))]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << numbers.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"checkpoint\.pt: is "):
            checkpoint.load(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda whole: b"", "is empty"),
        (lambda whole: b"no checkpoint", "is no checkpoint of vgrout"),
        (lambda whole: whole[:-1], "is damaged: its bytes are not those that were saved"),
        (lambda whole: whole + b"\n", "is damaged: its bytes are not those that were saved"),
        (lambda whole: whole[: len(whole) // 2], "is damaged: its bytes are not those that were saved"),
        (
            lambda whole: b"PK\x03\x04 data.pkl vgrout.checkpoint/1 and so on",
            r"is of vgrout\.checkpoint/1, and this version of vgrout reads vgrout\.checkpoint/2",
        ),
    ],
    ids=["empty", "foreign", "short", "long", "half", "older"],
)
def test_a_file_that_is_no_checkpoint_is_said_so_in_two_lines(path, content, said):
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(DataError, match=rf"{said}\nhint: start the run again under a new") as caught:
        checkpoint.load(path)
    assert str(caught.value).count("\n") == 1
    assert "weights_only" not in str(caught.value)


def test_a_missing_checkpoint_is_said_so(tmp_path):
    with pytest.raises(ConfigError, match="stopped before its first checkpoint"):
        checkpoint.load(tmp_path / CHECKPOINT)
    with pytest.raises(ConfigError, match="stopped before its first checkpoint"):
        checkpoint.load_last(tmp_path)


def test_a_state_that_cannot_be_saved_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(Exception, match=r"(?i)pickle|local object"):
        checkpoint.save(path, replace(a_checkpoint(), adapter={"bad": lambda: None}))
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == {CHECKPOINT: before}


@pytest.mark.parametrize("call", ["os.fsync", "tempfile.mkstemp"])
def test_a_full_disk_leaves_both_old_files(tmp_path, monkeypatch, call):
    two_saves(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def refuse(*_arguments, **_named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(call, refuse)
    with pytest.raises(StorageError, match=r"checkpoint\.pt: cannot be written: No space left on device"):
        checkpoint.save(tmp_path / CHECKPOINT, a_checkpoint(9), previous=tmp_path / PREVIOUS_CHECKPOINT)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_last_two_are_kept_and_the_last_is_read(tmp_path, said):
    two_saves(tmp_path)
    saved, file = checkpoint.load_last(tmp_path)
    assert (saved.step, file.name) == (8, CHECKPOINT)
    assert checkpoint.load(tmp_path / PREVIOUS_CHECKPOINT).step == 7
    assert said.text == ""


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (lambda file: file.write_bytes(b""), "checkpoint.pt: is empty"),
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "checkpoint.pt: is damaged"),
        (lambda file: file.unlink(), "has no checkpoint.pt"),
    ],
    ids=["empty", "cut", "missing"],
)
def test_the_one_before_stands_in_with_a_warning(tmp_path, said, damage, wrong):
    two_saves(tmp_path)
    damage(tmp_path / CHECKPOINT)
    saved, file = checkpoint.load_last(tmp_path)
    assert (saved.step, file.name) == (7, PREVIOUS_CHECKPOINT)
    (record,) = said.records
    assert wrong in record.message
    assert "going on from checkpoint-previous.pt, of step 7" in record.message
    (tmp_path / PREVIOUS_CHECKPOINT).write_bytes(b"")
    with pytest.raises((ConfigError, DataError), match=wrong):
        checkpoint.load_last(tmp_path)
