"""Runs and sweeps read into one HTML file that opens offline; imports no torch and writes nothing into a run."""

from collections.abc import Callable, Sequence
from pathlib import Path

from vgrout.errors import ConfigError, DataError
from vgrout.files import replacing
from vgrout.report.arms import group_arms
from vgrout.report.page import Page, check_output, now, page_title
from vgrout.report.runs import load_paths
from vgrout.report.sample import sample_rollouts
from vgrout.report.scores import score_record
from vgrout.report.sections import report_sections

__all__ = ["ROLLOUTS_SHOWN", "build_report"]
ROLLOUTS_SHOWN = 1200


def build_report(
    paths: Sequence[Path],
    out: Path,
    *,
    rollouts: int = ROLLOUTS_SHOWN,
    title: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the report of the runs and sweeps in `paths` to `out` and give the number of runs.

    At most about `rollouts` rollouts are shown, a stratified sample. The file appears whole or not at all.
    `progress` is told how many runs of how many have been read.

    Raises:
        ConfigError: `out` is no place for a page, or `rollouts` is below 1.
        DataError: a path holds no run, or a file of one is malformed.
        StorageError: `out` cannot be written.
    """
    if rollouts < 1:
        raise ConfigError(f"--rollouts: {rollouts} is below 1")
    try:
        runs, sweeps = load_paths(paths)
        check_output(out, runs)
        arms = group_arms(runs)
        sample, histograms = sample_rollouts(arms, rollouts, progress=progress)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from error
    records = [score_record(run, arm, histograms.get(run.name)) for arm in arms for run in arm.runs]
    scores = [record for record in records if record is not None]
    page = Page(
        title=title or page_title(runs, sweeps),
        arms=arms,
        sweeps=sweeps,
        sections=report_sections(arms, sweeps, scores),
        scores=scores,
        rollouts={**sample.to_json(), "runs": [run.name for arm in arms for run in arm.runs]},
        written=now(),
    )
    with replacing(out) as file:
        file.write(page.html().encode())
    return len(runs)
