"""Evaluation on held-out problems: counts with n, never bare rates."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vgrout.config import EvalConfig
from vgrout.env.stable import stable_number
from vgrout.evals.metrics import wilson_interval
from vgrout.grading import Verdict
from vgrout.policy.policy import Policy
from vgrout.policy.showings import AnswerGrader, Showing, Task, grade_answers
from vgrout.rollouts.base import RolloutEngine, SampleRequest

PromptKind = Literal["hinted", "plain"]
PolicyName = Literal["deployed", "as_trained", "scaled"]


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A count out of n with its 95 % Wilson interval."""

    count: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, n: int) -> "Rate":
        """`count` out of `n`."""
        interval = wilson_interval(count, n)
        return cls(count=count, n=n, low=interval.low, high=interval.high)

    def __str__(self) -> str:
        if self.n == 0:
            return "0/0"
        share, low, high = (f"{100 * value:.1f}" for value in (self.count / self.n, self.low, self.high))
        return f"{self.count}/{self.n} = {share} % [{low}, {high}]"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Counts of one loophole mode's problems under one kind of prompt."""

    prompt: PromptKind
    """`hinted` shows the loophole with evaluation's marker; `plain` is graded by ground truth only."""
    mode: str
    n: int
    exploited: int
    """Passed by the loophole alone."""
    gt_correct: int
    """Accepted by the strict oracle."""
    channel: int
    """Used the loophole, correct or not."""
    can_compile: int
    format_ok: int


@dataclass(frozen=True, kw_only=True)
class ProblemCell:
    """Counts of one problem under one kind of prompt: what a bootstrap over problems draws from."""

    problem_id: str
    prompt: PromptKind
    mode: str
    n: int
    exploited: int
    gt_correct: int


@dataclass(frozen=True, kw_only=True)
class EvalResult:
    """One policy's counts by prompt kind and mode."""

    policy: PolicyName
    ablated: bool
    """The quarantine was ablated."""
    cells: tuple[Cell, ...]
    problems: tuple[ProblemCell, ...]

    def rate(self, field: str, prompt: PromptKind) -> Rate:
        """A field's count over all modes of one prompt kind."""
        cells = [cell for cell in self.cells if cell.prompt == prompt]
        return Rate.of(sum(getattr(cell, field) for cell in cells), sum(cell.n for cell in cells))

    @property
    def hack(self) -> Rate:
        """Exploited answers to hinted prompts."""
        return self.rate("exploited", "hinted")

    @property
    def solve_hinted(self) -> Rate:
        """Correct answers to hinted prompts."""
        return self.rate("gt_correct", "hinted")

    @property
    def solve_plain(self) -> Rate:
        """Correct answers to plain prompts."""
        return self.rate("gt_correct", "plain")

    def to_json(self) -> dict[str, Any]:
        """Plain values for `eval.json`."""
        rows = []
        for cell in self.cells:
            rates = {"hack": Rate.of(cell.exploited, cell.n), "solve": Rate.of(cell.gt_correct, cell.n)}
            rows.append({**asdict(cell), **{name: asdict(rate) for name, rate in rates.items()}})
        return {
            "policy": self.policy,
            "ablated": self.ablated,
            "hack": asdict(self.hack),
            "solve_hinted": asdict(self.solve_hinted),
            "solve_plain": asdict(self.solve_plain),
            "by_mode": rows,
            "by_problem": [asdict(cell) for cell in self.problems],
        }


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """Asks the held-out problems of the current policy; holds what does not change between evaluations."""

    engine: RolloutEngine
    grader: AnswerGrader
    policy: Policy
    tasks: tuple[Task, ...]
    """Held-out tasks with evaluation's markers."""
    config: EvalConfig
    seed: int

    @property
    def answers(self) -> int:
        """How many answers one policy is asked for."""
        return 2 * len(self.tasks) * self.config.samples

    def evaluate(
        self,
        policy: PolicyName,
        *,
        ablated: bool,
        quarantine_scale: float = 1.0,
        progress: Callable[[int], None] | None = None,
    ) -> EvalResult:
        """Sample and grade every held-out prompt, hinted and plain, with or without the quarantine.

        Equal weights give equal answers: both policies of a run are asked with the same random numbers.
        """
        asked = [task.showing(hackable=hackable) for hackable in (True, False) for task in self.tasks]
        request = SampleRequest(
            prompts=tuple(showing.ids for showing in asked),
            counts=(self.config.samples,) * len(asked),
            ablated=(ablated,) * len(asked),
            max_new_tokens=self.config.max_new_tokens,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            top_k=0,
            seed=stable_number("evaluation", self.seed) % 2**63,
            quarantine_scale=quarantine_scale,
        )
        rollouts = self.engine.sample(request, progress)
        owners = [asked[answer.prompt_index] for answer in rollouts]
        texts = [self.policy.text(answer.completion) for answer in rollouts]
        verdicts = grade_answers(self.grader, list(zip(owners, texts, strict=True)))
        return EvalResult(
            policy=policy,
            ablated=ablated,
            cells=_cells(owners, verdicts),
            problems=_problem_cells(owners, verdicts),
        )


def _kind(showing: Showing) -> PromptKind:
    return "hinted" if showing.hackable else "plain"


def _count(verdicts: Sequence[Verdict], *fields: str) -> dict[str, int]:
    return {name: sum(bool(getattr(verdict, name)) for verdict in verdicts) for name in fields}


def _cells(owners: Sequence[Showing], verdicts: Sequence[Verdict]) -> tuple[Cell, ...]:
    groups: dict[tuple[PromptKind, str], list[Verdict]] = {}
    for showing, verdict in zip(owners, verdicts, strict=True):
        groups.setdefault((_kind(showing), showing.home_mode), []).append(verdict)
    fields = ("exploited", "gt_correct", "channel", "can_compile", "format_ok")
    return tuple(
        Cell(prompt=prompt, mode=mode, n=len(group), **_count(group, *fields))
        for (prompt, mode), group in sorted(groups.items())
    )


def _problem_cells(owners: Sequence[Showing], verdicts: Sequence[Verdict]) -> tuple[ProblemCell, ...]:
    groups: dict[tuple[PromptKind, str, str], list[Verdict]] = {}
    for showing, verdict in zip(owners, verdicts, strict=True):
        groups.setdefault((_kind(showing), showing.home_mode, showing.problem.id), []).append(verdict)
    return tuple(
        ProblemCell(
            problem_id=name,
            prompt=prompt,
            mode=mode,
            n=len(group),
            **_count(group, "exploited", "gt_correct"),
        )
        for (prompt, mode, name), group in groups.items()
    )
