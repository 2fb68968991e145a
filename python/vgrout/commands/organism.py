"""`vgrout organism build`: a new warm start of the organism, with problems, pairs and card.

Exit status: 0 done, 2 bad input, 130 interrupted; what was begun is then gone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vgrout.flags import DONE


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    flags = argparse.ArgumentParser(
        prog="vgrout organism", description="Make the model organism.", allow_abbrev=False
    )
    commands = flags.add_subparsers(dest="command", required=True, metavar="build")
    build = commands.add_parser(
        "build", help="train a warm start from scratch, in a few minutes on one core", allow_abbrev=False
    )
    build.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the folder to make; must be new"
    )
    build.add_argument("--seed", default=0, type=int, metavar="S", help="seed of the warm start (default 0)")
    return flags


def run(arguments: Sequence[str]) -> int:
    """`vgrout organism build --out DIR [--seed S]`."""
    flags = parser().parse_args(arguments)
    from rich.console import Console

    from vgrout.organism.build import build
    from vgrout.organism.card import card_text

    card = build(flags.out, flags.seed, Console(stderr=True))
    sys.stdout.write(f"{card_text(card)}\nfolder: {flags.out}\n")
    return DONE
