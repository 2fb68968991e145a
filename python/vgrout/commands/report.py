"""`vgrout report PATH… --out FILE.html`: runs and sweeps as one page that opens offline.

Exit status: 0 the page is written, 2 bad input.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from vgrout.flags import DONE
from vgrout.report import ROLLOUTS_SHOWN, build_report


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    flags = argparse.ArgumentParser(
        prog="vgrout report",
        description="Write runs and sweeps as one HTML file that opens offline. The runs may still be going; "
        "nothing is written into them.",
        allow_abbrev=False,
    )
    flags.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="RUN_OR_SWEEP",
        help="a run directory (holds `config.json`) or a sweep's (holds `runs/`)",
    )
    flags.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the HTML file; replaced whole"
    )
    flags.add_argument(
        "--rollouts",
        type=int,
        default=ROLLOUTS_SHOWN,
        metavar="N",
        help=f"rollouts to show, a stratified sample (default {ROLLOUTS_SHOWN})",
    )
    flags.add_argument("--title", help="the page's title; by default the sweep's name")
    return flags


def run(arguments: Sequence[str]) -> int:
    """`vgrout report PATH… --out FILE.html`."""
    flags = parser().parse_args(arguments)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading runs", total=None)
        runs = build_report(
            flags.paths,
            flags.out,
            rollouts=flags.rollouts,
            title=flags.title,
            progress=lambda done, runs: bar.update(task, completed=done, total=runs),
        )
    size = flags.out.stat().st_size / (1 << 20)
    sys.stdout.write(f"{runs} run{'s' if runs != 1 else ''} in {flags.out} ({size:.1f} MiB)\n")
    return DONE
