"""Rollouts and grading shared out over ranks, behind the interfaces of one engine and one grader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import cast

from vgrout.errors import JobFault
from vgrout.grading import GradeJob, Verdict
from vgrout.policy.showings import AnswerGrader
from vgrout.rollouts.base import RolloutEngine, Rollouts, SampleRequest
from vgrout.train.ranks import Ranks

Progress = Callable[[int], None]


class ShardedEngine:
    """A `RolloutEngine` of several: each rank draws the answers to neighbouring prompts, and all get all of them.

    An answer's random numbers hang on its place in the whole request, so that they are those of one process.
    """

    rows_together: int | None = None

    def __init__(self, engine: RolloutEngine, ranks: Ranks) -> None:
        """Share out what `engine`, this rank's own, is asked."""
        self._engine, self._ranks = engine, ranks

    def sample(self, request: SampleRequest, progress: Progress | None = None) -> Rollouts:
        """Answers prompt by prompt, in the request's order."""
        own, first = prompts_of(request, self._ranks.rank, self._ranks.world)
        answers: Rollouts = ()
        if sum(own.counts):
            answers = self._engine.sample(own, _scaled(progress, sum(own.counts), sum(request.counts)))
        mine = tuple(replace(answer, prompt_index=first + answer.prompt_index) for answer in answers)
        return tuple(answer for part in self._ranks.gather(mine) for answer in part)

    def sync(self, step: int) -> None:
        """Every rank's engine takes the weights as they are now."""
        self._engine.sync(step)

    def close(self) -> None:
        """Release this rank's engine."""
        self._engine.close()


class TogetherEngine:
    """A `RolloutEngine` whose every forward needs all ranks: each draws everything, and the first one's answers hold."""

    rows_together: int | None = None

    def __init__(self, engine: RolloutEngine, ranks: Ranks) -> None:
        """Ask `engine`, this rank's own."""
        self._engine, self._ranks = engine, ranks

    def sample(self, request: SampleRequest, progress: Progress | None = None) -> Rollouts:
        """Answers prompt by prompt, in the request's order."""
        return self._ranks.from_first(self._engine.sample(request, progress))

    def sync(self, step: int) -> None:
        """Every rank's engine takes the weights as they are now."""
        self._engine.sync(step)

    def close(self) -> None:
        """Release this rank's engine."""
        self._engine.close()


def prompts_of(request: SampleRequest, rank: int, world: int) -> tuple[SampleRequest, int]:
    """A rank's part of a request, whole groups, and the place of its first prompt."""
    count = len(request.prompts)
    start, end = count * rank // world, count * (rank + 1) // world
    return request.part(start, end), start


@dataclass(frozen=True, kw_only=True)
class SentVerdict:
    """What a run reads of a `Verdict`, in a form that can be sent; the fields are documented there."""

    outcome: str
    detail: str | None
    reward: float
    format_ok: bool
    can_compile: bool
    gt_correct: bool
    channel: bool
    passed: bool
    exploited: bool
    mechanism: str | None
    label: str
    tests_passed: int
    tests_total: int
    test_bitmap: tuple[bool, ...]

    @classmethod
    def of(cls, verdict: Verdict) -> "SentVerdict":
        """The verdict's values."""
        values = {entry.name: getattr(verdict, entry.name) for entry in fields(cls)}
        return cls(**(values | {"test_bitmap": tuple(verdict.test_bitmap)}))


class ShardedGrader:
    """An `AnswerGrader` of several: job i is graded by rank i mod N, and all get every verdict."""

    def __init__(self, grader: AnswerGrader, ranks: Ranks) -> None:
        """Share out what `grader`, this rank's own, is asked."""
        self._grader, self._ranks = grader, ranks

    def grade(self, jobs: Sequence[GradeJob], *, progress: Progress | None = None) -> Sequence[Verdict]:
        """One verdict a job, in job order.

        Raises:
            GraderError: the machinery failed on a job of this rank.
            JobFault: jobs of this rank are at fault; places are those in the whole batch.
        """
        ranks = self._ranks
        own = list(jobs[ranks.rank :: ranks.world])
        try:
            found = self._grader.grade(own, progress=_scaled(progress, len(own), len(jobs))) if own else ()
        except JobFault as fault:
            places = [(ranks.rank + ranks.world * place, reason) for place, reason in fault.faults]
            raise JobFault(str(fault), fault.partial, places) from None
        parts = ranks.gather([SentVerdict.of(verdict) for verdict in found])
        every = (parts[place % ranks.world][place // ranks.world] for place in range(len(jobs)))
        # Verdicts cannot be made outside the grader; these have all of one that a run reads.
        return cast("Sequence[Verdict]", tuple(every))


def _scaled(progress: Progress | None, own: int, total: int) -> Progress | None:
    """Tell `progress` of the whole what is known of this rank's part."""
    if progress is None:
        return None
    return lambda done: progress(done * total // own)
