"""`vgrout grade`: verdicts on a file of answers.

Exit status: 0 when every line was graded, 2 when a line was not (the others are) or nothing could be, 130 when
interrupted, 1 when the machinery failed on an answer or cannot run.
"""

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import tyro
from rich.console import Console
from rich.table import Table

from vgrout.answer_files.lines import count_lines
from vgrout.answer_files.progress import GradingProgress
from vgrout.answer_files.submissions import GradingDefaults, Submission, read_problems, read_submissions
from vgrout.answer_files.verdicts import VerdictFile, VerdictStream
from vgrout.config import Extract, GraderConfig
from vgrout.env.modes import MODES, check_marker
from vgrout.env.problems import OWN_PROBLEMS
from vgrout.errors import DataError, GraderError, JobFault
from vgrout.flags import BAD_INPUT, DONE, FAILED, INTERRUPTED, parse_flags
from vgrout.grading import Grader, Verdict, open_grader

if TYPE_CHECKING:
    ModeName: TypeAlias = str
else:
    ModeName = Literal[MODES]
STANDARD_OUTPUT = Path("-")
BATCH_PER_WORKER = 128
"""Answers of a batch per worker: some seconds' work, so that few workers wait at its end."""


@dataclass(frozen=True, kw_only=True)
class GradeFlags:
    """The command's flags."""

    answers: Path
    """JSONL or .gz, one answer a line."""
    mode: ModeName
    """Grading mode of answers that name none."""
    out: Path
    """JSONL of verdicts, in the order of the answers; `-` is standard output, and the table goes to stderr."""
    problems: Path | None = None
    """JSONL or .gz in the benchmark's format; the package's own without it."""
    marker: str | None = None
    """Marker of answers that name none; without it the mode's training marker."""
    extract: Extract = "joined"
    """How code is taken from an answer: all blocks joined, the last complete block that defines what the tests call
    (thinking left out), or the answer as it is."""
    run_main: bool = True
    """Run what stands under `if __name__ == "__main__":` as well."""
    gt_pass: bool = False
    """Also make the plain, foolable assert run."""
    stdout: bool = False
    """Keep each answer's standard output, up to 64 KiB."""
    grader: tyro.conf.OmitArgPrefixes[GraderConfig] = field(default_factory=GraderConfig)


def run(arguments: Sequence[str]) -> int:
    """`vgrout grade [flags]`."""
    flags = parse_flags(
        GradeFlags,
        arguments,
        program="vgrout grade",
        description="Grade a file of answers. Run it again to go on where it stopped: answers whose verdict is in "
        "OUT are not graded twice. An answer is a JSON object with problem_id (or task_id), response (or completion) "
        "and, if wanted, id, mode and marker. Problems may be HumanEval's file as it is published. docs/guides/rewards.md describes both rows.",
        hint="`vgrout grade --help` lists every flag",
        bare_switches=True,
    )
    console = Console(stderr=True)
    if flags.marker is not None:
        check_marker(flags.mode, flags.marker)
    _refuse_inputs_as_output(flags)
    report = Reports()
    problems, errors = read_problems(flags.problems or OWN_PROBLEMS)
    for error in errors:
        report(error)
    if not problems:
        raise DataError(
            f"{flags.problems}: holds no problem that can be read\nhint: one JSON object stands on each line"
        )
    total = count_lines(flags.answers)
    answers = read_submissions(flags.answers, problems, _defaults(flags))
    with VerdictStream() if flags.out == STANDARD_OUTPUT else VerdictFile(flags.out) as out:
        if out.repaired:
            sys.stderr.write(f"{flags.out}: its last line was cut; that answer is graded again\n")
        grading = GradingPass(out, answers, total, keep_stdout=flags.stdout, report=report)
        try:
            with open_grader(flags.grader) as grader:
                grading.grade(grader, flags.grader.workers, console)
        except KeyboardInterrupt:
            sys.stderr.write(
                f"interrupted; the verdicts on {len(out)} of {total} answers are in {out.name}\n"
            )
            if out.can_go_on:
                sys.stderr.write("hint: the same command goes on from there\n")
            return INTERRUPTED
        report.close()
        if not len(out):
            if not grading.lost:
                raise DataError(
                    f"{flags.answers}: holds no answer that can be graded, so {flags.out} is not written"
                )
            return FAILED
        out.put_in_order(grading.keys)
        grading.print_summary(out)
    if grading.lost:
        return FAILED
    return BAD_INPUT if errors or grading.refused else DONE


def _defaults(flags: GradeFlags) -> GradingDefaults:
    # Neither the number of workers nor the level asked for decides over a verdict.
    deciding = replace(flags.grader, workers=None, min_level="base")
    return GradingDefaults(
        problems=flags.problems,
        mode=flags.mode,
        marker=flags.marker,
        want_gt_pass=flags.gt_pass,
        extract=flags.extract,
        run_main=flags.run_main,
        settings=(*astuple(deciding), flags.stdout),
    )


def _refuse_inputs_as_output(flags: GradeFlags) -> None:
    for name in ("problems", "answers"):
        path = getattr(flags, name)
        if path is not None and flags.out.exists() and path.exists() and flags.out.samefile(path):
            raise DataError(f"--out: {flags.out} is the file of {name}\nhint: name another file")


class Reports:
    """Errors of single lines on stderr: the first of each kind, then how many more of it there were."""

    SHOWN = 2

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()

    def __call__(self, error: DataError) -> None:
        """Report one."""
        kind = self._kind(str(error))
        self._kinds[kind] += 1
        if self._kinds[kind] <= self.SHOWN:
            sys.stderr.write(f"error: {error}\n")

    def close(self) -> None:
        """Say how many were not shown."""
        for kind, count in self._kinds.items():
            if count > self.SHOWN:
                sys.stderr.write(f"and {count - self.SHOWN} more: {kind}\n")

    @staticmethod
    def _kind(message: str) -> str:
        """What is wrong, without the line's number and the value that stands there."""
        what = re.sub(r"^.*?:\d+: ", "", message.partition("\n")[0])
        return re.sub(r"found .*, expected", "found …, expected", what)


class GradingPass:
    """One pass over the answers."""

    def __init__(
        self,
        out: VerdictFile | VerdictStream,
        answers: Iterator[Submission | DataError],
        total: int,
        *,
        keep_stdout: bool,
        report: Callable[[DataError], None],
    ) -> None:
        """Grade those of `answers` (`total` lines) whose verdict is not in `out`."""
        self.keys: list[str] = []
        self.refused = 0
        self.lost = 0
        self._out = out
        self._answers = answers
        self._total = total
        self._keep_stdout = keep_stdout
        self._report = report
        self._before = 0
        self._level = ""
        self._seconds = 0.0

    def grade(self, grader: Grader, workers: int | None, console: Console) -> None:
        """Grade and write batch after batch.

        Raises:
            DataError: a verdict in the file is of another answer.
            GraderError: the machinery failed as a whole.
        """
        size = BATCH_PER_WORKER * (workers or len(os.sched_getaffinity(0)))
        self._level = grader.fence.level or ""
        start = time.perf_counter()
        pending = self._pending()
        with GradingProgress(console, self._total) as progress:
            while batch := list(islice(pending, size)):
                progress.skip(self._before + self.refused)
                try:
                    verdicts = self._verdicts(grader, batch, progress)
                except KeyboardInterrupt as stop:
                    self._write(batch, getattr(stop, "partial", [None] * len(batch)))
                    raise
                self._write(batch, verdicts)
                progress.batch_done(len(batch))
        self._seconds = time.perf_counter() - start

    def _write(self, batch: list[Submission], verdicts: Sequence[Verdict | None]) -> None:
        graded = [(answer, v) for answer, v in zip(batch, verdicts, strict=True) if v is not None]
        self._out.append(graded, level=self._level, keep_stdout=self._keep_stdout)

    def _pending(self) -> Iterator[Submission]:
        for answer in self._answers:
            if isinstance(answer, DataError):
                self.refused += 1
                self._report(answer)
                continue
            self.keys.append(answer.key)
            if self._out.has(answer):
                self._before += 1
            else:
                yield answer

    def _verdicts(
        self, grader: Grader, batch: list[Submission], progress: GradingProgress
    ) -> list[Verdict | None]:
        try:
            return list(grader.grade([answer.job for answer in batch], progress=progress.within_batch))
        except (JobFault, GraderError) as error:
            if len(error.partial) != len(batch):
                raise
            faults = dict(error.faults)
            for place, reason in faults.items():
                self.refused += 1
                self._report(DataError(f"id {batch[place].id!r}: {reason}"))
            verdicts = [v if isinstance(v, Verdict) else None for v in error.partial]
            if isinstance(error, JobFault):
                return verdicts
            for place, (answer, verdict) in enumerate(zip(batch, verdicts, strict=True)):
                if verdict is None and place not in faults:
                    self.lost += 1
                    sys.stderr.write(
                        f"error: id {answer.id!r}: the machinery failed twice; no verdict is written\n"
                    )
            sys.stderr.write(f"error: {error}\nhint: the same command tries them again\n")
            return verdicts

    def print_summary(self, out: VerdictFile | VerdictStream) -> None:
        """Write the table by outcome, and what the totals say, to standard output, or to stderr beside rows there."""
        totals = self._out.totals
        table = Table("outcome", box=None, pad_edge=False)
        table.add_column("answers", justify="right")
        table.add_column("share", justify="right")
        for outcome, count in totals.outcomes.most_common():
            table.add_row(outcome, str(count), f"{count / totals.answers:.1%}")
        output = Console(file=sys.stdout if out.can_go_on else sys.stderr, width=100, highlight=False)
        output.print(table)
        count = max(1, totals.answers)
        now = totals.answers - self._before
        lines = [
            f"{totals.answers} answers: {totals.passed} passed, {totals.gt_correct} correct, {totals.exploited} exploited",
            f"mean reward {totals.reward / count:.3f}; fence: {self._level}",
            f"graded now: {now}, {now / max(self._seconds, 1e-9):.0f} rollouts/s; before: {self._before}",
        ]
        if self.refused or self.lost:
            lines.append(
                f"not graded: {self.refused} malformed lines or jobs, {self.lost} failures of the machinery"
            )
        lines.append(f"verdicts: {out.name}")
        output.print("\n".join(lines), markup=False, soft_wrap=True)
