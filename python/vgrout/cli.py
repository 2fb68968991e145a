"""The command line: `vgrout COMMAND …`; `vgrout-train PRESET …` is `vgrout train PRESET …`.

Nothing here imports torch before a run starts, so that `--help` answers at once.

Exit status: 0 done, 2 bad input, 130 interrupted, 1 anything else.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from vgrout.config import TrainConfig, validate
from vgrout.config_file import changed_settings, load_config
from vgrout.errors import ConfigError, DataError, SandboxUnavailable, VgroutError
from vgrout.presets import PRESETS

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
RESUME_MAY_CHANGE = frozenset({"steps", "device", "run_dir", "resume", "checkpoint_every", "base.threads"})
_HELP = ("-h", "--help")


@dataclass(frozen=True)
class Command:
    """One sub-command of `vgrout`."""

    summary: str
    run: Callable[[Sequence[str]], int]
    """Takes the arguments after the command's name, gives the exit status."""
    help: Callable[[Sequence[str]], str]
    """How to ask for the flags of a call with these arguments."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `vgrout`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in _HELP:
        sys.stdout.write(
            _usage("vgrout COMMAND", {name: command.summary for name, command in COMMANDS.items()})
        )
        return DONE if arguments else BAD_INPUT
    if arguments[0] not in COMMANDS:
        return _complain(f"`{arguments[0]}` is no command", f"choose one of {', '.join(COMMANDS)}")
    return guarded(COMMANDS[arguments[0]], arguments[1:])


def train_main(argv: Sequence[str] | None = None) -> int:
    """Run `vgrout-train`."""
    return main(["train", *(sys.argv[1:] if argv is None else argv)])


def guarded(command: Command, arguments: Sequence[str]) -> int:
    """Run a command and turn its errors into messages on stderr and an exit status."""
    try:
        return command.run(arguments)
    except ConfigError as error:
        return _complain(str(error), f"`{command.help(arguments)}` lists every setting")
    except DataError as error:
        return _complain(str(error))
    except VgroutError as error:
        fence = isinstance(error, SandboxUnavailable)
        _complain(str(error), "`vgrout doctor` says what is missing and how to get it" if fence else None)
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; nothing is left to tell it, the interpreter's own flush included.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def train(arguments: Sequence[str]) -> int:
    """`vgrout train PRESET [flags]`."""
    presets = {name: summary for name, (summary, _) in PRESETS.items()}
    if not arguments or arguments[0] in _HELP:
        sys.stdout.write(_usage("vgrout-train PRESET [FLAGS]", presets))
        return DONE if arguments else BAD_INPUT
    preset, *flags = arguments
    if preset not in PRESETS:
        return _complain(
            f"`{preset}` is no preset", f"choose one of {', '.join(PRESETS)}; flags come after it"
        )
    config = parse_config(preset, flags)
    validate(config)
    return _train(config)


def parse_config(preset: str, flags: Sequence[str]) -> TrainConfig:
    """Give the config of a preset and flags; with `--resume RUN` the run's own, which few flags may change.

    Raises:
        ConfigError: a flag contradicts the run that is resumed.
        SystemExit: a flag is malformed (status 2) or help was asked for (status 0).
    """
    start = PRESETS[preset][1]
    config = _parse(preset, flags, start)
    if config.resume is None:
        return config
    stored = load_config(config.resume / "config.json")
    if stored.preset != preset:
        raise ConfigError(
            f"resume: {config.resume} is a run of preset {stored.preset}, not {preset}"
            f"\nhint: `vgrout-train {stored.preset} --resume {config.resume}`"
        )
    config = _parse(preset, flags, stored)
    for name, old, new in changed_settings(stored, config):
        if name not in RESUME_MAY_CHANGE:
            raise ConfigError(
                f"{name}: {new} contradicts the {old} of the run that is resumed, {config.resume}"
                "\nhint: leave the flag out, or start a new run"
            )
    if config.run_dir is not None:
        raise ConfigError("run_dir: a resumed run goes on in its own folder\nhint: leave `--run-dir` out")
    return config


def _parse(preset: str, flags: Sequence[str], default: TrainConfig) -> TrainConfig:
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")
    import tyro

    summary = PRESETS[preset][0]
    try:
        config = tyro.cli(
            TrainConfig,
            prog=f"vgrout-train {preset}",
            description=f"Preset {preset}: {summary}.",
            args=list(flags),
            default=default,
            config=(tyro.conf.FlagConversionOff,),
        )
    except SystemExit as stop:
        if stop.code not in (0, None):
            sys.stderr.write(f"hint: `vgrout-train {preset} --help` lists every flag\n")
        raise
    if config.preset != preset:
        raise ConfigError(f"preset: {config.preset} contradicts the recipe that was named, {preset}")
    return config


def _train(config: TrainConfig) -> int:
    from rich.console import Console

    console = Console(stderr=True)
    from vgrout.train.interrupts import Interrupted
    from vgrout.train.run import run

    try:
        result = run(config, console)
    except Interrupted as stop:
        where = stop.run_dir
        if stop.saved_step is None:
            sys.stderr.write(f"interrupted before the first checkpoint; nothing to resume in {where}\n")
        else:
            sys.stderr.write(
                f"interrupted; saved after step {stop.saved_step} in {where}\n"
                f"hint: go on with `vgrout-train {config.preset} --resume {where}`\n"
            )
        return INTERRUPTED
    sys.stdout.write("\n".join(result.lines()) + "\n")
    return DONE


def _usage(line: str, choices: dict[str, str]) -> str:
    width = max(map(len, choices))
    rows = [f"  {name.ljust(width)}  {summary}" for name, summary in choices.items()]
    program = line.partition(" ")[0]
    what = line.split()[1]
    return "\n".join([f"usage: {line}", "", *rows, "", f"`{program} {what} --help` lists its flags.", ""])


def _complain(message: str, hint: str | None = None) -> int:
    """Write an error and, where the message has none of its own, a hint; give the status of bad input."""
    sys.stderr.write(f"error: {message}\n")
    if hint and "\nhint:" not in message:
        sys.stderr.write(f"hint: {hint}\n")
    return BAD_INPUT


def exit_main() -> NoReturn:
    """Run `vgrout` and exit with its status: `python -m vgrout.cli`."""
    sys.exit(main())


def _grade(arguments: Sequence[str]) -> int:
    from vgrout.commands.grade import run

    return run(arguments)


def _doctor(arguments: Sequence[str]) -> int:
    from vgrout.commands.doctor import run

    return run(arguments)


def _organism(arguments: Sequence[str]) -> int:
    from vgrout.commands.organism import run

    return run(arguments)


COMMANDS: dict[str, Command] = {
    "train": Command(
        "train and evaluate one arm; `vgrout-train` is the same",
        train,
        lambda arguments: f"vgrout-train {arguments[0]} --help",
    ),
    "grade": Command("grade a file of answers", _grade, lambda _: "vgrout grade --help"),
    "doctor": Command(
        "say what the fence enforces here, and what it lacks", _doctor, lambda _: "vgrout doctor --help"
    ),
    "organism": Command(
        "make a warm start of the model organism", _organism, lambda _: "vgrout organism build --help"
    ),
}
"""Sub-commands by name; another part adds its own here."""

if __name__ == "__main__":
    exit_main()
