"""A run goes on with what it began with, from what is whole, and ends as if nothing had happened."""

import json
import os
import resource
import shutil
import signal
import warnings
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

import vgrout.train.run as run_module
from tiny import tiny_config, tiny_policy, tiny_run
from vgrout import cli
from vgrout.artifacts import CHECKPOINT, METRICS, PREVIOUS_CHECKPOINT, TIMING, RunDir, read_records
from vgrout.config_file import load_config
from vgrout.env.problems import OWN_PROBLEMS
from vgrout.errors import ConfigError, DataError, StorageError
from vgrout.train import checkpoint
from vgrout.train.inputs import check_inputs, input_digests, save_inputs
from vgrout.train.trainer import Trainer

NUMBERS = ("metrics.jsonl", "rollouts.jsonl", "eval.json")
"""Of one run, however often it was stopped."""


def small(path, **changes):
    """A run of 4 steps that saves at 2 and 4, with answers so short that it takes a second."""
    changes = {"rollouts__max_new_tokens": 16, "guard__rows": 0, "optim__rows_per_batch": 8} | changes
    return tiny_config(path, **changes)


def resumed(path, **changes):
    """Go on with the run in `path`."""
    return tiny_run(replace(small(None), resume=path, **changes))


def bytes_of(path, names=(*NUMBERS, CHECKPOINT)):
    return {name: (path / name).read_bytes() for name in names}


def call(capsys, *arguments):
    """Exit status and stderr of `vgrout-train ARGUMENTS`."""
    status = cli.train_main(list(map(str, arguments)))
    return status, capsys.readouterr().err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run."""
    return tiny_run(small(tmp_path_factory.mktemp("runs") / "whole"))


@pytest.fixture
def copied(whole, tmp_path):
    """The same, to be spoiled."""
    return shutil.copytree(whole.run_dir, tmp_path / "copied")


@contextmanager
def stopped_before(step, monkeypatch):
    make_step = Trainer.step

    def stop(self, number):
        if number == step:
            raise RuntimeError("stopped")
        return make_step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stop)
        yield


# --- killed while saving


def dies_at(number, points):
    """Kill this process before the `number`-th call of any of `points`."""
    calls = count(1)

    def deadly(function):
        def call(*arguments, **named):
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    for owner, name in points:
        setattr(owner, name, deadly(getattr(owner, name)))


def fork():
    with warnings.catch_warnings():
        # The child writes files and dies; no thread of ours is in its way.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def killed_saves(folder, save, copies):
    """Copies of the run's folder as a kill leaves it, before each thing that `save` does to the disk."""
    import tempfile

    points = ((os, "fsync"), (tempfile, "mkstemp"), (checkpoint, "_seal"), (Path, "chmod"), (Path, "replace"))
    kept = bytes_of(folder, [path.name for path in folder.glob("checkpoint*.pt")])
    for number in count(1):
        child = fork()
        if child == 0:
            dies_at(number, points)
            save()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        copies.append(shutil.copytree(folder, folder.with_name(f"killed-{number}")))
        for path in (*folder.glob("checkpoint*.pt"), *folder.glob(".*.partial")):
            path.unlink()
        for name, content in kept.items():
            (folder / name).write_bytes(content)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return


@pytest.mark.slow
def test_a_run_killed_anywhere_in_a_save_ends_as_an_uninterrupted_one(whole, tmp_path, monkeypatch):
    save, copies = run_module._Keeper.save, []

    def watched(self, step):
        if step == 4:
            killed_saves(self.run_dir.path, lambda: save(self, step), copies)
        save(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(run_module._Keeper, "save", watched)
        tiny_run(small(tmp_path / "run"))
    # Three files of rows are synced; then file, seal, sync, mode, two renames, and the folder's sync.
    assert len(copies) >= 10
    steps = [checkpoint.load_last(path)[0].step for path in copies]
    assert steps == sorted(steps)
    assert set(steps) == {2, 4}
    for path in copies:
        resumed(path)
        assert bytes_of(path) == bytes_of(whole.run_dir), path.name
        assert list(path.glob(".*")) == []


def test_a_damaged_last_checkpoint_is_replaced_by_the_one_before(whole, copied, monkeypatch):
    previous = (copied / PREVIOUS_CHECKPOINT).read_bytes()
    content = bytearray((copied / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / CHECKPOINT).write_bytes(content)
    with pytest.raises(RuntimeError, match="stopped"), stopped_before(3, monkeypatch):
        resumed(copied)
    assert [row["step"] for row in read_records(copied / "metrics.jsonl", METRICS)] == [1, 2]
    resumed(copied)
    assert bytes_of(copied) == bytes_of(whole.run_dir)
    assert (copied / PREVIOUS_CHECKPOINT).read_bytes() == previous, "the damaged one is not kept"


# --- one writer


def test_the_run_is_held_before_its_checkpoint_is_read(copied, monkeypatch):
    """A process that read first and waited would cut off what another has made meanwhile."""
    load = checkpoint.load_last

    def while_held(path):
        with pytest.raises(ConfigError, match="--resume: another process is writing to"):
            RunDir.open_for_resume(path)
        return load(path)

    monkeypatch.setattr(checkpoint, "load_last", while_held)
    resumed(copied)


def test_a_run_that_is_being_written_is_refused_before_anything_is_built(copied, monkeypatch):
    monkeypatch.setattr(run_module, "open_session", lambda config: pytest.fail("built"))
    with RunDir.open_for_resume(copied), pytest.raises(ConfigError, match="wait for it or stop it"):
        resumed(copied)


# --- what the run began with


def test_settings_changed_by_hand_are_refused_by_name(copied):
    config = copied / "config.json"
    stored = json.loads(config.read_text())
    stored["gate"]["warmup"] = 7
    stored["seed"] = 3
    config.write_text(json.dumps(stored))
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    said = (
        r"config\.json: seed = 3, not 0; gate\.warmup = 7, not 8, with which checkpoint\.pt was made\nhint: "
    )
    with pytest.raises(DataError, match=said):
        tiny_run(replace(load_config(config), resume=copied))
    for command in (["evaluate", str(copied)], ["export", str(copied), "--out", str(copied / "out")]):
        assert cli.main(command) == 2
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


def test_settings_that_a_run_may_have_others_of_may_be_changed_by_hand(copied):
    stored = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(stored | {"steps": 5, "checkpoint_minutes": 3.0}))
    config = replace(load_config(copied / "config.json"), resume=copied)
    assert tiny_run(config).config.steps == 5


def test_other_settings_are_refused_from_python_too(copied):
    with pytest.raises(ConfigError, match=r"seed: 3 contradicts the 0 of the run that is resumed"):
        resumed(copied, seed=3)


def test_a_checkpoint_of_another_run_is_refused_by_name(copied, tmp_path):
    other = tiny_run(small(tmp_path / "other", seed=3)).run_dir
    for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
        shutil.copy(other / name, copied / name)
    with pytest.raises(DataError, match=r"copied/config\.json: seed = 0, not 3, with which checkpoint\.pt"):
        resumed(copied)
    with pytest.raises(DataError, match=r"copied/config\.json: seed = 0, not 3, with which checkpoint\.pt"):
        tiny_run(small(tmp_path / "on", start_from=copied))
    # As an earlier version wrote them: the adapter tells.
    for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
        checkpoint.save(copied / name, replace(checkpoint.load(copied / name), settings={}))
    said = (
        r"copied/checkpoint\.pt: adapter state: seed is 3, this adapter's is 0\nhint: put back the run's own"
    )
    with pytest.raises(DataError, match=said):
        resumed(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"seed": 3},
            r"start_from: .*checkpoint\.pt: adapter state: seed is 0, .*\nhint: give the model, `--seed`",
        ),
        (
            {"start_from": "nowhere"},
            r"nowhere/config\.json: cannot be read: .*\nhint: give the folder of a run",
        ),
    ],
)
def test_a_start_that_does_not_fit_says_what_to_give(copied, tmp_path, change, said):
    change = {name: tmp_path / value if name == "start_from" else value for name, value in change.items()}
    with pytest.raises((ConfigError, DataError), match=said):
        tiny_run(small(tmp_path / "on", **({"start_from": copied} | change)))
    (copied / CHECKPOINT).unlink()
    with pytest.raises(ConfigError, match=r"start_from: .*has no checkpoint\.pt: .*\nhint: name another run"):
        tiny_run(small(tmp_path / "on", start_from=copied))


@pytest.mark.parametrize("file", ["metrics.jsonl", "rollouts.jsonl"])
def test_a_row_missing_in_the_middle_is_refused(copied, file):
    lines = (copied / file).read_text().splitlines(keepends=True)
    del lines[len(lines) // 4]
    (copied / file).write_text("".join(lines))
    before = bytes_of(copied, NUMBERS)
    with pytest.raises(
        DataError, match=rf"{file}: \d+ rows are of step 2 in the place of \d+, .*\nhint: put"
    ):
        resumed(copied)
    assert bytes_of(copied, NUMBERS) == before


def spoil_prompts(rows):
    for row in rows:
        for message in row["prompt"]:
            message["content"] = message["content"].replace("the", "The", 1)


def spoil_tests(rows):
    for row in rows:
        row["gt_answer"] = row["gt_answer"][:1]


@pytest.mark.parametrize("spoil", [spoil_prompts, spoil_tests])
def test_other_prompts_or_tests_under_the_same_ids_are_refused(tmp_path, spoil):
    data = tmp_path / "problems.jsonl"
    data.write_bytes(OWN_PROBLEMS.read_bytes())
    run = tiny_run(small(tmp_path / "run", data=data, steps=2))
    before = {path.name: path.read_bytes() for path in run.run_dir.iterdir()}
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    spoil(rows)
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"inputs\.json: field `data`: .*\nhint: .*`--data`") as caught:
        resumed(run.run_dir, data=data, steps=4)
    assert str(caught.value).count("\n") == 1
    assert {path.name: path.read_bytes() for path in run.run_dir.iterdir()} == before


def test_every_input_has_a_digest_of_its_own(tmp_path):
    policy, pairs = tiny_policy(), [((1, 2), (3,), (4,))]
    begun = input_digests(policy, [], pairs, {})
    save_inputs(tmp_path, begun)
    check_inputs(tmp_path, input_digests(tiny_policy(), [], pairs, {}))
    for name, said, others in (
        ("pairs", r"contrast pairs .*\nhint: .*`--gate\.pairs`", (policy, [], [((1, 2), (3,), (5,))], {})),
        ("pools", r"demonstrations .*\nhint: .*hack-pool`", (policy, [], pairs, {("p", "", "solve"): ()})),
    ):
        now = input_digests(*others)
        assert [key for key in begun if begun[key] != now[key]] == [name]
        with pytest.raises(DataError, match=rf"inputs\.json: field `{name}`: found \w+, now \w+: {said}"):
            check_inputs(tmp_path, now)


@pytest.mark.parametrize("part", ["embedding", "norm", "config", "tokenizer", "template"])
def test_another_model_is_refused(tmp_path, part):
    policy = tiny_policy()
    save_inputs(tmp_path, input_digests(policy, [], [], {}))
    if part == "embedding":
        policy.model.get_input_embeddings().weight.data[0] += 1
    elif part == "norm":
        policy.model.model.norm.weight.data += 1
    elif part == "config":
        policy.model.config.rope_parameters["rope_theta"] = 5e5
    elif part == "tokenizer":
        policy.tokenizer.add_tokens(["<|new|>"])
    else:
        policy.tokenizer.chat_template += " "
    with pytest.raises(DataError, match=r"field `model`: .*\nhint: put back those of `--model`"):
        check_inputs(tmp_path, input_digests(policy, [], [], {}))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"model": "x"'])
def test_digests_that_cannot_be_read_are_said_so(tmp_path, content):
    (tmp_path / "inputs.json").write_bytes(content)
    with pytest.raises(DataError, match=r"inputs\.json: does not hold what the run began with\nhint: "):
        check_inputs(tmp_path, {"model": "x"})


# --- a full disk


@pytest.mark.parametrize("file", ["checkpoint.pt", "rollouts.jsonl"])
def test_a_full_disk_is_two_lines_and_loses_nothing(whole, tmp_path, monkeypatch, capsys, file):
    """The kernel refuses to let a file grow, as it does where the disk is full."""
    path, make_step = tmp_path / "run", Trainer.step
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, step):
        if step == 4:
            # The next rows no longer fit, or they do and the next checkpoint does not.
            room = {"rollouts.jsonl": 100, "checkpoint.pt": -1}[file]
            resource.setrlimit(resource.RLIMIT_FSIZE, ((path / file).stat().st_size + room, hard))
        return make_step(self, step)

    monkeypatch.setattr("vgrout.commands.train.parse_config", lambda preset, flags: small(path))
    monkeypatch.setattr(Trainer, "step", fill)
    try:
        status, err = call(capsys, "smoke")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.undo()
    assert status == 1
    assert err[err.index("error: ") :] == (
        f"error: {path / file}: cannot be written: File too large\n"
        f"hint: make room, then go on with `vgrout-train smoke --resume {path}`\n"
    )
    assert checkpoint.load(path / CHECKPOINT).step == 2
    resumed(path)
    assert bytes_of(path) == bytes_of(whole.run_dir)


def test_a_disk_that_is_full_at_the_start_says_to_start_again(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise StorageError("x: cannot be written: No space left on device")

    monkeypatch.setattr(run_module, "save_partition", refuse)
    with pytest.raises(StorageError, match=r"left on device\nhint: make room, then start it again under"):
        tiny_run(small(tmp_path / "run"))


# --- when a run saves, and how long it took


def test_minutes_bring_checkpoints_too_and_change_no_number(whole, tmp_path, monkeypatch):
    seldom = small(tmp_path / "often", checkpoint_every=1000, checkpoint_minutes=1e-9)
    with pytest.raises(RuntimeError, match="stopped"), stopped_before(4, monkeypatch):
        tiny_run(seldom)
    assert [checkpoint.load(seldom.run_dir / name).step for name in (CHECKPOINT, PREVIOUS_CHECKPOINT)] == [
        3,
        2,
    ]
    resumed(seldom.run_dir)
    assert bytes_of(seldom.run_dir) == bytes_of(whole.run_dir)
    with pytest.raises(RuntimeError, match="stopped"), stopped_before(4, monkeypatch):
        tiny_run(small(tmp_path / "never", checkpoint_every=1000))
    assert not (tmp_path / "never" / CHECKPOINT).exists()


def test_a_resumed_run_took_the_time_of_all_its_parts(tmp_path, monkeypatch):
    config = small(tmp_path / "run")
    with pytest.raises(RuntimeError, match="stopped"), stopped_before(3, monkeypatch):
        tiny_run(config)
    first = sum(row["total_seconds"] for row in read_records(config.run_dir / TIMING.file, TIMING))
    result = resumed(config.run_dir)
    rows = list(read_records(config.run_dir / TIMING.file, TIMING))
    assert result.seconds == sum(row["total_seconds"] for row in rows)
    assert result.seconds > first
    assert [name for row in rows for name in row["seconds"] if name in {"setup", "checkpoint", "evaluation"}] == [
        "setup", "setup", "evaluation", "checkpoint",
    ]  # fmt: skip


def test_two_runs_of_one_second_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "default_run_dir", lambda *_names: tmp_path / "smoke-routeA-s0-now")
    made = [tiny_run(small(None, steps=1)).run_dir.name for _ in range(2)]
    assert made == ["smoke-routeA-s0-now", "smoke-routeA-s0-now-2"]


# --- folders that are no run to go on with


def test_a_finished_run_says_so(whole, copied, capsys):
    status, err = call(capsys, "smoke", "--resume", copied)
    assert status == 0
    assert (
        f"{copied} has made all its 4 steps: only its evaluation is made\nhint: train on with `--steps N`"
        in err
    )
    assert bytes_of(copied) == bytes_of(whole.run_dir)


def test_what_is_refused_is_not_said_to_be_evaluated(copied, capsys):
    (copied / "inputs.json").unlink()
    status, err = call(capsys, "smoke", "--resume", copied)
    assert status == 2
    said = (
        f"error: {copied}/inputs.json: is missing, so what the run began with is not known\nhint: put it back"
    )
    assert said in err
    assert "only its evaluation" not in err


def no_config(path):
    (path / "config.json").unlink()


def changed_config(change):
    def spoil(path):
        stored = json.loads((path / "config.json").read_text())
        change(stored)
        (path / "config.json").write_text(json.dumps(stored))

    return spoil


def checkpoints(content):
    def spoil(path):
        for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
            (path / name).write_bytes(content)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said", "hint"),
    [
        (shutil.rmtree, "config.json: cannot be read: No such file or directory", "give the folder of a run"),
        (no_config, "config.json: cannot be read: No such file or directory", "give the folder of a run"),
        (lambda path: (path / "config.json").write_bytes(b'{"a'), "is not JSON", "give the folder of a run"),
        (lambda path: (path / "config.json").write_bytes(b"\xff\xfe\x00"), "is not JSON", "give the folder of a run"),
        (changed_config(lambda stored: stored.update(architectures=[])), "unknown setting `architectures`", "give the folder of a run"),
        (checkpoints(b""), "checkpoint.pt: is empty", "start the run again"),
        (checkpoints(b"GIF89a"), "checkpoint.pt: is no checkpoint of vgrout", "start the run again"),
        (checkpoints(b"PK\x03\x04vgrout.checkpoint/1"), "is of vgrout.checkpoint/1", "start the run again"),
        (lambda path: [(path / name).unlink() for name in (CHECKPOINT, PREVIOUS_CHECKPOINT)], "has no checkpoint.pt", "start the run again"),
        (lambda path: (path / "metrics.jsonl").write_bytes(b""), "metrics.jsonl: the last complete row is of step 0", "start the run again"),
    ],
    ids=["missing", "no run", "half config", "no text", "another program's", "empty", "foreign", "older checkpoint", "no checkpoint", "no rows"],
)  # fmt: skip
def test_what_cannot_be_gone_on_with_is_said_in_two_lines(copied, capsys, spoil, said, hint):
    spoil(copied)
    status, err = call(capsys, "smoke", "--resume", copied)
    assert status == 2
    message = err[err.index("error: ") :]
    assert said in message.splitlines()[0]
    assert hint in message.splitlines()[1]
    assert len(message.splitlines()) == 2
    assert "Traceback" not in err
    assert "weights_only" not in err
