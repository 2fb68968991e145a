"""Settings of a reward function, and the one grader that a process has for them."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from annotated_types import MinLen

from vgrout.config import Extract, GraderConfig
from vgrout.env.modes import MODES
from vgrout.errors import GraderError
from vgrout.grading import GradeJob, Grader, Verdict, limits_of, open_grader
from vgrout.settings import NameIn, check

Score = Literal["reward", "passed", "gt_correct", "score"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RewardConfig(GraderConfig):
    """What a reward function grades by, beside the grader's own settings; picklable and hashable.

    Raises:
        ConfigError: a setting is out of range; the message names it.
    """

    mode: Annotated[str, NameIn(MODES)] = "gt_only"
    """The grading mode of rows that name none. `gt_only` has no loophole."""
    marker: str | None = None
    """The marker of rows that name none; None is the mode's training marker."""
    setup_code: str = ""
    """The setup code of rows that bring none; empty is the default prelude."""
    extract: Extract = "last"
    """How code is taken from a reply: `last` complete block that defines what the tests call, thinking left out; all
    blocks `joined`, the benchmark's rule; or the reply `raw`."""
    run_main: bool = True
    """Run what stands under `if __name__ == "__main__":` as well."""
    score: Score = "reward"
    """`reward` is 0.5 for code that compiles plus 3.0 if it passed; `passed` and `gt_correct` are 1.0 or 0.0;
    `score` is the share of tests that hold."""
    name: Annotated[str, MinLen(1)] = "vgrout_reward"
    """`__name__` of the function: what a trainer's logs call it."""

    def __post_init__(self) -> None:
        # Lists come from configuration files; the process's graders are looked up by hash.
        preload: object = self.preload
        if isinstance(preload, list):
            object.__setattr__(self, "preload", tuple(preload))
        check(self)
        limits_of(self)

    def points(self, verdict: Verdict) -> float:
        """The verdict as a number, by `score`."""
        return float(getattr(verdict, self.score))


class _Graders:
    """The graders of this process, started when first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[GraderConfig, Grader] = {}

    def get(self, config: RewardConfig) -> Grader:
        settings = {entry.name: getattr(config, entry.name) for entry in fields(GraderConfig)}
        grader_config = GraderConfig(**settings)
        with self._lock:
            if grader_config not in self._running:
                self._running[grader_config] = open_grader(grader_config)
            return self._running[grader_config]


_graders = _Graders()
_inherited: list[_Graders] = []


def _start_afresh() -> None:
    # The parent's lock may be held and its graders' threads are gone: neither is touched again, nor closed.
    global _graders  # noqa: PLW0603 - one per process is the point
    _inherited.append(_graders)
    _graders = _Graders()


os.register_at_fork(after_in_child=_start_afresh)


def process_grader(config: RewardConfig) -> Grader:
    """The process's grader for these settings; configs that differ only in what they pay share one.

    Raises:
        SandboxUnavailable: the kernel enforces less than `config.min_level`.
    """
    return _graders.get(config)


def grade(config: RewardConfig, jobs: Sequence[GradeJob]) -> list[Verdict | None]:
    """One verdict per job; None where the machinery failed, which is never a reward.

    Raises:
        SandboxUnavailable: the kernel enforces less than `config.min_level`.
        GraderError: the machinery failed as a whole.
    """
    if not jobs:
        return []
    try:
        return list(process_grader(config).grade(jobs))
    except GraderError as error:
        partial: list[Verdict | None] = [v if isinstance(v, Verdict) else None for v in error.partial]
        if len(partial) != len(jobs):
            raise
        _log.warning("%s; they are left out, not scored", error)
        return partial


def grade_one(config: RewardConfig, job: GradeJob) -> Verdict:
    """The job's verdict.

    Raises:
        SandboxUnavailable: the kernel enforces less than `config.min_level`.
        GraderError: the machinery failed.
    """
    return process_grader(config).grade([job])[0]
