"""`vgrout train PRESET [flags]`, also called `vgrout-train`: a preset and its flags to a config, and the run of it.

torch is imported when the run starts, so that `--help` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from vgrout.config import TrainConfig, validate
from vgrout.config_file import load_config, refuse_changes
from vgrout.errors import ConfigError, DataError
from vgrout.flags import BAD_INPUT, DONE, FAILED, HELP, INTERRUPTED, complain, parse_flags, usage
from vgrout.presets import PRESETS

if TYPE_CHECKING:
    from rich.console import Console

    from vgrout.train.ranks import Ranks


def run(arguments: Sequence[str]) -> int:
    """`vgrout train PRESET [flags]`; each process that torchrun starts runs it, too, and the first of them speaks."""
    if "WORLD_SIZE" not in os.environ or os.environ.get("RANK", "0") == "0":
        read = _read(arguments)
    else:
        # All are given the same flags.
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            try:
                read = _read(arguments)
            except (ConfigError, DataError):
                return BAD_INPUT
    if isinstance(read, int):
        return read
    try:
        return _train(read)
    except KeyboardInterrupt:
        what, again = "nothing was written", "the same command begins it"
        if read.resume is not None:
            what, again = f"{read.resume} is as it was", "the same command goes on with it"
        sys.stderr.write(f"interrupted while setting up; {what}\nhint: {again}\n")
        return INTERRUPTED


def _read(arguments: Sequence[str]) -> TrainConfig | int:
    """The config that the arguments describe, or the exit status of a call that asks for none."""
    presets = {name: summary for name, (summary, _) in PRESETS.items()}
    if not arguments or arguments[0] in HELP:
        sys.stdout.write(usage("vgrout-train PRESET [FLAGS]", presets))
        return DONE if arguments else BAD_INPUT
    preset, *flags = arguments
    if preset not in PRESETS:
        return complain(
            f"`{preset}` is no preset", f"choose one of {', '.join(PRESETS)}; flags come after it"
        )
    config = parse_config(preset, flags)
    validate(config)
    return config


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
    stored_in = config.resume
    stored = load_config(stored_in / "config.json")
    if stored.preset != preset:
        raise ConfigError(
            f"resume: {stored_in} is a run of preset {stored.preset}, not {preset}"
            f"\nhint: `vgrout-train {stored.preset} --resume {stored_in}`"
        )
    config = _parse(preset, flags, stored)
    refuse_changes(stored, config, stored_in)
    if config.run_dir is not None:
        raise ConfigError("run_dir: a resumed run goes on in its own folder\nhint: leave `--run-dir` out")
    return config


def _parse(preset: str, flags: Sequence[str], default: TrainConfig) -> TrainConfig:
    config = parse_flags(
        TrainConfig,
        flags,
        program=f"vgrout-train {preset}",
        description=f"Preset {preset}: {PRESETS[preset][0]}.",
        default=default,
        hint=f"`vgrout-train {preset} --help` lists every flag",
    )
    if config.preset != preset:
        raise ConfigError(f"preset: {config.preset} contradicts the recipe that was named, {preset}")
    return config


def _train(config: TrainConfig) -> int:
    from vgrout.bars import lasting_console
    from vgrout.train.torchrun import joined_ranks, name_rank

    with joined_ranks(config) as ranks:
        try:
            return _train_on(ranks, config, lasting_console(quiet=not ranks.is_first))
        except BaseException as error:
            if ranks.first_to_tell():
                name_rank(error, ranks.rank)
                raise
            # Of many ranks that fail, one says why.
            if isinstance(error, KeyboardInterrupt):
                return INTERRUPTED
            return BAD_INPUT if isinstance(error, ConfigError | DataError) else FAILED


def _train_on(ranks: "Ranks", config: TrainConfig, console: "Console") -> int:
    from vgrout.train.interrupts import Interrupted
    from vgrout.train.run import run as train

    try:
        result = train(config, console, ranks)
    except Interrupted as stop:
        where = stop.run_dir
        if not ranks.first_to_tell():
            return INTERRUPTED
        if stop.saved_step is None:
            sys.stderr.write(f"interrupted before the first checkpoint; nothing to resume in {where}\n")
        else:
            go_on = f"go on with `vgrout-train {config.preset} --resume {where}`"
            if stop.saved_step == config.steps:
                go_on = f"every step is made; `vgrout evaluate {where}` asks the held-out problems"
            sys.stderr.write(f"interrupted; saved after step {stop.saved_step} in {where}\nhint: {go_on}\n")
        return INTERRUPTED
    if ranks.is_first:
        sys.stdout.write("\n".join(result.lines()) + "\n")
    return DONE
