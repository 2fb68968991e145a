"""The command line: answers fast, names what is wrong, and its exit status says what happened."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import tiny_config, tiny_run
from vgrout import cli
from vgrout.commands import train
from vgrout.commands.train import parse_config
from vgrout.errors import GraderError, SandboxUnavailable
from vgrout.presets import PRESETS, SMOKE
from vgrout.train.interrupts import Interrupted


def call(capsys, *arguments):
    """Exit status, stdout and stderr of `vgrout-train ARGUMENTS`."""
    try:
        status = cli.train_main(list(arguments))
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["train", "smoke", "--help"]])
def test_help_imports_no_torch(arguments):
    code = (
        "import sys\nfrom vgrout import cli\n"
        f"try: status = cli.main({arguments!r})\nexcept SystemExit as stop: status = stop.code or 0\n"
        "sys.exit(50 if 'torch' in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: vgrout" in done.stdout


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_every_published_flag(preset, capsys):
    status, out, _ = call(capsys, preset, "--help")
    assert status == 0
    for flag in (
        "--intervention {none,none-full,absorb,routeA,routeV,oracle,shuffled}", "--routeA-random-v-seed", "--gate.tail-quantile",
        "--gate.warmup", "--steps", "--seed", "--run-dir", "--data", "--model", "--device {cpu,cuda}", "--resume",
    ):  # fmt: skip
        assert flag in out


def test_flags_reach_their_settings():
    flags = "--intervention absorb --gate.tail-quantile 0.2 --gate.warmup 7 --steps 9 --seed 4 --run-dir d --data f --model m"
    config = parse_config("smoke", flags.split())
    assert (config.intervention, config.gate.tail_quantile, config.gate.warmup) == ("absorb", 0.2, 7)
    assert (config.steps, config.seed, str(config.run_dir), str(config.data), config.model) == (
        9,
        4,
        "d",
        "f",
        "m",
    )
    assert parse_config("smoke", ["--routeA-random-v-seed", "3"]).arm == "routeA-random3"
    assert parse_config("smoke", []) == SMOKE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "error: `nope` is no preset"),
        (["smoke", "--rollouts.group-size", "1"], "error: rollouts.group_size: 1 is below 2"),
        (["smoke", "--gate.tail-quantile", "0.7"], "error: gate.tail_quantile: 0.7 is not below 0.5"),
        (["smoke", "--intervention", "magic"], "invalid choice 'magic'"),
        (["smoke", "--steps", "many"], "many"),
        (["smoke", "--stepz", "3"], "--stepz"),
        (["smoke", "--preset", "full"], "error: preset: full contradicts the recipe that was named, smoke"),
        (["smoke", "--resume", "/nowhere"], "error: /nowhere/config.json: cannot be read"),
        (["smoke", "--data", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["smoke", "--model", "/nowhere"], "error: model: /nowhere is not a folder"),
    ],
)
def test_bad_input_exits_2_with_a_message_and_a_hint_on_stderr(capsys, tmp_path, arguments, message):
    if arguments[0] == "smoke" and "--resume" not in arguments:
        arguments = [*arguments, "--run-dir", str(tmp_path / "run")]
    status, out, err = call(capsys, *arguments)
    assert status == 2
    assert message in err
    assert "hint: " in err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_missing_preset_exits_2_and_lists_them(capsys):
    status, out, _ = call(capsys)
    assert status == 2
    assert all(preset in out for preset in PRESETS)


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has CUDA")
def test_cuda_asked_for_and_absent_exits_2(capsys, tmp_path):
    status, _, err = call(capsys, "smoke", "--device", "cuda", "--run-dir", str(tmp_path / "run"))
    assert (status, list(tmp_path.iterdir())) == (2, [])
    assert (
        "device: cuda was asked for, but torch sees no CUDA device\nhint: a model of billions of parameters needs one;"
        in err
    )


def test_an_existing_run_directory_exits_2(capsys, tmp_path):
    status, _, err = call(capsys, "smoke", "--run-dir", str(tmp_path))
    assert status == 2
    assert f"{tmp_path} exists" in err
    assert list(tmp_path.iterdir()) == []


def test_malformed_problems_exit_2_naming_file_line_and_field(capsys, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"id": 1}\n')
    status, _, err = call(capsys, "smoke", "--data", str(path), "--run-dir", str(tmp_path / "run"))
    assert status == 2
    assert re.search(rf"{re.escape(str(path))}:1: .*field `\w+`", err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (GraderError("the broker died"), 1, "error: the broker died\n"),
        (SandboxUnavailable("no fence"), 1, "error: no fence\nhint: `vgrout doctor`"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_later_has_its_own_status(capsys, monkeypatch, error, status, message):
    def fail(config):
        raise error

    monkeypatch.setattr(train, "_train", fail)
    found, _, err = call(capsys, "smoke")
    assert found == status
    assert message in err


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (
            7,
            "interrupted; saved after step 7 in {run}\nhint: go on with `vgrout-train smoke --resume {run}`\n",
        ),
        (
            SMOKE.steps,
            "interrupted; saved after step 16 in {run}\nhint: every step is made; `vgrout evaluate {run}` asks the held-out problems\n",
        ),
        (None, "interrupted before the first checkpoint; nothing to resume in {run}\n"),
    ],
)
def test_an_interrupt_exits_130_and_says_how_to_go_on(capsys, monkeypatch, tmp_path, saved, message):
    def stop(config, console, ranks):
        raise Interrupted(tmp_path, saved)

    monkeypatch.setattr("vgrout.train.run.run", stop)
    status, _, err = call(capsys, "smoke")
    assert (status, err) == (130, message.format(run=tmp_path))


@pytest.mark.parametrize("command", ["check", "evaluate", "export", "direction-bench"])
def test_a_path_behind_the_flags_is_told_where_it_stands(capsys, command):
    assert cli.main([command, "--device", "cpu", "runs/x"]) == 2
    err = capsys.readouterr().err
    assert re.match(r"error: (RUN|DATA): missing in the first place, before the flags\nhint: give ", err)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["train", "smoke", "--run-dir", ""], "--run-dir"),
        (["train", "smoke", "--data="], "--data"),
        (["evaluate", ""], "an argument"),
        (["report", " ", "--out", "x.html"], "an argument"),
        (["organism", "build", "--out", ""], "--out"),
        (["sweep", "first-effect", "--out", ""], "--out"),
    ],
)
def test_an_empty_value_is_said_so(capsys, arguments, name):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(
        f"error: {name}: is empty\nhint: give a value, or leave it out;"
    )


def test_a_new_folder_below_a_file_is_bad_input(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert cli.main(["organism", "build", "--out", str(tmp_path / "file" / "x")]) == 2
    said = f"error: cannot create {tmp_path}/file/x: {tmp_path}/file is not a folder\nhint: name a place that"
    assert said in capsys.readouterr().err


def test_a_module_that_cannot_be_preloaded_is_bad_input(capsys):
    assert cli.main(["check", "organism", "--preload", "no_such_module"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: preload: 'no_such_module' cannot be loaded: ModuleNotFoundError")
    assert "\nhint: install it in the environment that grades, or leave it out\n" in err
    assert "doctor" not in err


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("place", ["vgrout.train.run.open_session", "vgrout.train.torchrun.joined_ranks"])
def test_a_sigterm_while_a_run_sets_up_says_what_is_kept(
    capsys, monkeypatch, tmp_path, finished, place, resume
):
    def stop(*_arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("went on")

    monkeypatch.setattr(place, stop)
    run = shutil.copytree(finished, tmp_path / "run") if resume else tmp_path / "run"
    status, _, err = call(capsys, "smoke", "--resume" if resume else "--run-dir", str(run))
    kept, again = (f"{run} is as it was", "goes on with") if resume else ("nothing was written", "begins")
    assert status == 130
    assert err.endswith(f"interrupted while setting up; {kept}\nhint: the same command {again} it\n")
    assert run.exists() == resume


def test_a_sigterm_while_a_run_is_evaluated_says_how_to_go_on(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("vgrout.commands.train.parse_config", lambda preset, flags: config)
    monkeypatch.setattr("vgrout.train.run.evaluate", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    config = tiny_config(tmp_path / "run", steps=1)
    status, _, err = call(capsys, "smoke")
    assert status == 130
    said = f"interrupted; saved after step 1 in {config.run_dir}\nhint: every step is made; `vgrout evaluate "
    assert said in err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return tiny_run(tiny_config(tmp_path_factory.mktemp("runs") / "run", steps=1)).run_dir


def test_resuming_takes_the_settings_of_the_run(finished):
    config = parse_config("smoke", ["--resume", str(finished)])
    assert (config.steps, config.rollouts.prompts_per_step, config.resume) == (1, 2, finished)
    assert parse_config("smoke", ["--resume", str(finished), "--steps", "3"]).steps == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smoke", "--seed", "3"], "seed: 3 contradicts the 0 of the run that is resumed"),
        (["smoke", "--intervention", "none"], "intervention: none contradicts the routeA"),
        (["smoke", "--run-dir", "elsewhere"], "run_dir: a resumed run goes on in its own folder"),
        (["full"], "is a run of preset smoke, not full"),
    ],
)
def test_resuming_with_other_settings_exits_2(capsys, finished, arguments, message):
    status, _, err = call(capsys, arguments[0], "--resume", str(finished), *arguments[1:])
    assert status == 2
    assert message in err


def test_resuming_a_run_without_checkpoint_exits_2(capsys, finished, tmp_path):
    (tmp_path / "config.json").write_bytes((finished / "config.json").read_bytes())
    status, _, err = call(capsys, "smoke", "--resume", str(tmp_path))
    assert status == 2
    assert "the run stopped before its first checkpoint" in err


def test_the_stored_config_is_the_resolved_one(finished):
    stored = json.loads((finished / "config.json").read_text())
    assert stored["gate"]["warmup"] == 8
    assert stored["preset"] == "smoke"
    assert (stored["run_dir"], stored["resume"]) == (None, None)


@pytest.mark.parametrize("arguments", [["--help"], ["--intervention", "magic"]])
@pytest.mark.parametrize("no_color", ["1", ""])
def test_no_color_is_respected_on_a_terminal(arguments, no_color):
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm-256color"}
    environment.pop("FORCE_COLOR", None)
    code = "import sys; from vgrout import cli; sys.exit(cli.train_main())"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", code, "smoke", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        written = b""
        # A terminal whose other end is closed is an error, not an end of file.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                written += chunk
        assert process.wait() == (0 if arguments == ["--help"] else 2)
    os.close(ours)
    assert b"--intervention" in written
    assert (b"\x1b[" in written) == (no_color == "")


HELP_OF = [
    "",
    "train",
    "train smoke",
    "evaluate",
    "direction-bench",
    "check",
    "grade",
    "sweep",
    "organism build",
    "report",
]


@pytest.mark.parametrize("arguments", [[*name.split(), "--help"] for name in HELP_OF])
def test_help_fits_the_terminal(arguments, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with contextlib.suppress(SystemExit):
        cli.main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80, max(lines, key=len)
