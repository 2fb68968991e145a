"""`vgrout check DATA`: everything that is wrong with a file of problems, before a run trips over it.

Exit status: 0 nothing is wrong, 2 something is, 130 interrupted, 1 anything else.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import tyro
from rich.console import Console

from vgrout.bars import Bar
from vgrout.config import GraderConfig
from vgrout.flags import DONE, complain, parse_flags, path_and_flags
from vgrout.grading import open_grader
from vgrout.problem_check import Finding, check_file
from vgrout.settings import check


@dataclass(frozen=True, kw_only=True)
class CheckFlags:
    """The command's flags."""

    grader: tyro.conf.OmitArgPrefixes[GraderConfig] = field(default_factory=GraderConfig)


def run(arguments: Sequence[str]) -> int:
    """`vgrout check DATA [flags]`."""
    path, given = path_and_flags("DATA", arguments, "give a file of problems, or `organism`")
    flags = parse_flags(
        CheckFlags,
        given,
        program="vgrout check DATA",
        description="Read a file of problems as a run would, run every canonical solution, which must pass, and a method "
        "that does nothing, which must not, and say what is wrong, row by row. docs/guides/problems.md describes a row.",
        hint="`vgrout check DATA --help` lists every flag",
    )
    check(flags.grader)
    console = Console(stderr=True)
    with (
        Bar(console, "grading", None, transient=True) as bar,
        open_grader(flags.grader) as grader,
    ):
        problems, findings = check_file(path, grader, lambda done, total: bar.show(done, total=total))
    if findings:
        sys.stdout.write(_table(findings))
        return complain(
            f"{path}: {_counted(len(findings), 'fault')}; {_counted(len(problems), 'row')} could be read"
        )
    sys.stdout.write(
        f"{path}: {len(problems)} problems; every canonical solution passes, no method that does nothing does\n"
    )
    return DONE


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _table(findings: Sequence[Finding]) -> str:
    """One line a finding, its place first."""
    rows = [("where", "problem", "what is wrong")]
    rows += [(finding.where, finding.problem or "-", " ".join(finding.what.split())) for finding in findings]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{where:<{widths[0]}}  {who:<{widths[1]}}  {what}\n" for where, who, what in rows)
