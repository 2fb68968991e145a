"""`vgrout sweep NAME`: run a named experiment, judge it, and write its report.

Exit status: 0 all runs are finished, 1 some failed, 2 bad input, 130 interrupted.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from vgrout.commands.train import parse_config
from vgrout.config import validate
from vgrout.env.pairs import load_pairs
from vgrout.errors import ConfigError, DataError, StorageError
from vgrout.flags import DONE, FAILED, INTERRUPTED, fitted, table
from vgrout.presets import PRESETS
from vgrout.report import build_report
from vgrout.sweep.bases import read_bases
from vgrout.sweep.definitions import DEFINITIONS, make_plan
from vgrout.sweep.engines import ENGINES, Engine, engine_of
from vgrout.sweep.folder import SweepFolder, default_out
from vgrout.sweep.jobs import VgroutCommands, jobs_of
from vgrout.sweep.outcomes import read_json
from vgrout.sweep.plans import Plan
from vgrout.sweep.progress import SweepView
from vgrout.sweep.result import result_lines, write_result
from vgrout.sweep.running import Summary

_EPILOG = (
    "Flags of `vgrout train` behind `--` go to every run, for instance `-- --steps 20`.",
    "Give the same command with the same `--out` to go on with a sweep that was stopped.",
)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    flags = argparse.ArgumentParser(
        prog="vgrout sweep",
        description="Run a named experiment of many runs, judge it and write its report.",
        epilog="\n".join(
            [
                "sweeps:",
                *table({name: found.summary for name, found in DEFINITIONS.items()}),
                "",
                *map(fitted, _EPILOG),
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    flags.add_argument("name", metavar="NAME", choices=tuple(DEFINITIONS), help=", ".join(DEFINITIONS))
    flags.add_argument("--preset", default="organism", help="recipe of every run (default organism)")
    flags.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="number of seeds (default: the sweep's own); more than before go on where it stood",
    )
    flags.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="runs at a time (default: usable CPUs, 1 on a GPU, a cluster's room)",
    )
    flags.add_argument("--engine", default="local", choices=tuple(ENGINES), help="where the runs go")
    flags.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster of `--engine ray` (default: one on this machine, for this sweep)",
    )
    flags.add_argument("--out", type=Path, metavar="DIR", help="folder of the sweep (default runs/NAME-UTC)")
    return flags


def run(arguments: Sequence[str]) -> int:
    """`vgrout sweep NAME [--preset P] [--seeds N] [--jobs N] [--engine E] [--address A] [--out DIR] [-- FLAGS OF EVERY RUN]`."""
    own, extra = _split(arguments)
    flags = parser().parse_args(own)
    if flags.preset not in PRESETS:
        raise ConfigError(f"--preset: {flags.preset} is not one of {', '.join(PRESETS)}")
    config = PRESETS[flags.preset][1]
    device = _device(extra, config.device)
    engine = engine_of(flags.engine, address=flags.address, device=device)
    if flags.jobs is not None and flags.jobs < 1:
        raise ConfigError(f"--jobs: {flags.jobs} is below 1")
    # A cluster knows itself how many it has room for.
    slots = flags.jobs or (0 if flags.address else _usual_jobs(device))
    # Leaving out a mode that no pair is of would be the reference run again.
    of_pairs = {pair.mechanism for pair in load_pairs(config.gate.pairs)}
    modes = [mode for mode in config.env.modes if mode in of_pairs]
    plan = make_plan(flags.name, flags.preset, modes=modes, seeds=flags.seeds, extra=extra)
    if extra:
        # Once, before anything is written, in the place of once in every run.
        validate(parse_config(flags.preset, [*plan.cells[0].flags, *extra]))
    with SweepFolder.open(flags.out or default_out(flags.name), plan, numbered=flags.out is None) as folder:
        out = folder.path
        again = ["vgrout", "sweep", *_with_out(own, out), *(["--", *extra] if extra else [])]
        summary = _run_jobs(plan, folder, slots, engine)
        if summary.interrupted:
            sys.stderr.write(
                f"interrupted; what was made is in {out}\nhint: go on with `{shlex.join(again)}`\n"
            )
            return INTERRUPTED
        for failure in summary.failures:
            sys.stderr.write(f"error: {failure.job.name}: {failure.reason}\n")
        if summary.failures:
            sys.stderr.write(f"hint: logs are in {out / 'logs'}; try again with `{shlex.join(again)}`\n")
        _conclude(plan, folder)
    return FAILED if summary.failures else DONE


def _run_jobs(plan: Plan, folder: SweepFolder, slots: int, engine: Engine) -> Summary:
    """Run what is not done yet, on show."""
    jobs = jobs_of(plan)
    commands = VgroutCommands(plan, folder.path / "runs")
    with SweepView(Console(stderr=True), len(jobs)) as view:
        return engine(jobs, folder, commands, slots=slots, view=view)


def _conclude(plan: Plan, folder: SweepFolder) -> None:
    """Write and print the result of the finished runs, and their report."""
    path = write_result(folder, plan, read_bases((cell.model for cell in plan.cells), plan.preset))
    result = read_json(path)
    report = write_report(folder.path)
    lines = [*result_lines(result), f"result: {path}", report]
    sys.stdout.write("\n".join(lines) + "\n")


def write_report(folder: Path) -> str:
    """Write `report.html` and say where it is, or why there is none; a sweep's figures do not hang on its page."""
    out = folder / "report.html"
    try:
        build_report([folder], out)
    except (ConfigError, DataError, StorageError) as error:
        return f"report: none: {error}"
    return f"report: {out}"


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own arguments, and those behind `--`."""
    given = list(arguments)
    place = given.index("--") if "--" in given else len(given)
    return given[:place], given[place + 1 :]


def _with_out(own: Sequence[str], out: Path) -> list[str]:
    """The arguments that go on in `out`."""
    named = any(flag == "--out" or flag.startswith("--out=") for flag in own)
    return [*own] if named else [*own, "--out", str(out)]


def _device(extra: Sequence[str], usual: str) -> str:
    """Where every run's model is: the last `--device` behind `--`, or the preset's."""
    for place in range(len(extra) - 1, -1, -1):
        name, given, value = extra[place].partition("=")
        if name == "--device" and (given or place + 1 < len(extra)):
            return value if given else extra[place + 1]
    return usual


def _usual_jobs(device: str) -> int:
    """One run a usable CPU, or one in all on the accelerator that they would share."""
    return 1 if device == "cuda" else len(os.sched_getaffinity(0))
