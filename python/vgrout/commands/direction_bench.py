"""`vgrout direction-bench RUN [flags]`: does a direction tell a run's exploits apart, before a GPU is spent on it?

Exit status: 0 done, 2 bad input, 130 interrupted, 1 anything else.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vgrout.flags import DONE, parse_flags, path_and_flags

if TYPE_CHECKING:
    from rich.table import Table

    from vgrout.train.direction_bench import DirectionBench
    from vgrout.train.separation import Figure


@dataclass(frozen=True, kw_only=True)
class DirectionBenchFlags:
    """The flags."""

    pairs: Path | None = None
    """Contrast pairs to take the direction from; None takes those of the run."""
    draws: int = 200
    """Random directions of the 5-95 % band, at least 20."""
    rows: int = 512
    """Rollouts to read, at least 8; of a longer run a sample that keeps both labels."""
    teacher: bool = False
    """Take the teacher's demonstrations beside the policy's own rollouts."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the model runs."""


def run(arguments: Sequence[str]) -> int:
    """`vgrout direction-bench RUN [flags]`."""
    path, given = path_and_flags("RUN", arguments, "give the folder of a run first")
    flags = parse_flags(
        DirectionBenchFlags,
        given,
        program="vgrout direction-bench RUN",
        description="Tell how well the contrast pairs' direction separates a run's exploited rollouts from the others, in "
        "every module and in all together, beside random directions. Direction and activations are those of the run's "
        "base model; nothing is sampled or trained.",
        hint="`vgrout direction-bench RUN --help` lists every flag",
    )
    from rich.console import Console

    from vgrout.train.direction_bench import bench_run

    bench = bench_run(
        path,
        pairs=flags.pairs,
        draws=flags.draws,
        rows=flags.rows,
        teacher=flags.teacher,
        device=flags.device,
        console=Console(stderr=True),
    )
    # Off a terminal rich would fold the names into 80 columns.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(bench_table(bench))
    for line in bench_lines(bench, flags.draws):
        console.print(line, soft_wrap=True)
    return DONE


def bench_table(bench: "DirectionBench") -> "Table":
    """Give the figures as a table: all modules together, then each, the best separated first."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column("module", no_wrap=True)
    for head in ("AUROC", "F0.5", "precision at 10 %"):
        table.add_column(head, no_wrap=True)
    for one in (bench.together, *bench.ranked()):
        figures = (one.auroc, one.f_half, one.precision)
        table.add_row(one.name, *map(_cell, figures), end_section=one is bench.together)
    return table


def bench_lines(bench: "DirectionBench", draws: int) -> list[str]:
    """Give what the table leaves to say: counts, the key, and how many modules chance would put outside."""
    total = bench.exploited + bench.others
    above = sum(one.auroc.beyond > 0 for one in bench.modules)
    below = sum(one.auroc.beyond < 0 for one in bench.modules)
    chance = 0.05 * len(bench.modules)
    beyond = bench.together.auroc.beyond
    place = "above" if beyond > 0 else "below" if beyond < 0 else "inside"
    counts = f"{bench.exploited} exploited, {bench.others} not ({bench.exploited / total:.1%} exploited)"
    outside = f"AUROC of {above} of {len(bench.modules)} modules is above its band and of {below} below"
    held_out = bench.held_out_paired_accuracy
    return [
        f"{total} rollouts of hinted prompts: {counts}",
        f"{bench.pairs} pairs; told apart by the direction of the other pairs: {held_out:.1%}",
        f"in brackets the 5-95 % band of {draws} random directions; + above it, - below it",
        f"{outside}; chance alone puts about {chance:.1f} on each side, and modules are not independent",
        f"all modules together, as the gate scores: AUROC {bench.together.auroc.value:.3f}, {place} the band",
    ]


def _cell(figure: "Figure") -> str:
    sign = "+" if figure.beyond > 0 else "-" if figure.beyond < 0 else " "
    text = f"{figure.value:.3f} {sign}"
    shown = f"[bold]{text}[/bold]" if sign != " " else text
    return rf"{shown} \[{figure.band.low:.2f}, {figure.band.high:.2f}]"
