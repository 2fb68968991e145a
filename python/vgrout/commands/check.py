"""`vgrout check DATA`: everything that is wrong with a file of problems, before a run trips over it.

Exit status: 0 nothing is wrong, 2 something is, 130 interrupted, 1 anything else.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vgrout.config import GraderConfig
from vgrout.flags import DONE, HELP, complain, parse_flags
from vgrout.grading import open_grader
from vgrout.problem_check import Finding, check_file
from vgrout.settings import check


@dataclass(frozen=True, kw_only=True)
class CheckFlags:
    """The command's flags."""

    grader: tyro.conf.OmitArgPrefixes[GraderConfig] = field(default_factory=GraderConfig)


def run(arguments: Sequence[str]) -> int:
    """`vgrout check DATA [flags]`."""
    path = None if not arguments or arguments[0].startswith("-") else Path(arguments[0])
    flags = parse_flags(
        CheckFlags,
        arguments[1:] if path is not None else arguments,
        program="vgrout check DATA",
        description="Read a file of problems as a run would, run every canonical solution, which must pass, and a method "
        "that does nothing, which must not, and say what is wrong, row by row. docs/guides/problems.md describes a row.",
        hint="`vgrout check DATA --help` lists every flag",
    )
    if path is None:
        asked = any(flag in HELP for flag in arguments)
        return DONE if asked else complain("DATA: missing", "give a file of problems, or `organism`")
    check(flags.grader)
    console = Console(stderr=True)
    with (
        Progress(
            TextColumn("grading"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        ) as bar,
        open_grader(flags.grader) as grader,
    ):
        task = bar.add_task("grading", total=None)
        problems, findings = check_file(
            path, grader, lambda done, total: bar.update(task, completed=done, total=total)
        )
    if findings:
        sys.stdout.write(_table(findings))
        rows = len({finding.where for finding in findings})
        return complain(
            f"{path}: {len(findings)} things are wrong in {rows} rows; {len(problems)} rows could be read"
        )
    sys.stdout.write(
        f"{path}: {len(problems)} problems; every canonical solution passes, no method that does nothing does\n"
    )
    return DONE


def _table(findings: Sequence[Finding]) -> str:
    """One line a finding, its place first."""
    rows = [("where", "problem", "what is wrong")]
    rows += [(finding.where, finding.problem or "-", " ".join(finding.what.split())) for finding in findings]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{where:<{widths[0]}}  {who:<{widths[1]}}  {what}\n" for where, who, what in rows)
