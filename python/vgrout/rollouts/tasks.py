"""Problems as the policy meets them: prompts in tokens, and the jobs that grade its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vgrout.env.modes import evaluation_marker, training_marker
from vgrout.env.problems import Problem
from vgrout.env.prompts import grading_mode, render_prompt
from vgrout.grading import GradeJob
from vgrout.rollouts.model import LoadedModel


@dataclass(frozen=True, kw_only=True)
class Task:
    """One problem with the mode it belongs to and its prompts in tokens."""

    problem: Problem
    mode: str
    """Its loophole mode; a plain showing is graded as `gt_only`."""
    marker: str | None
    """The marker that the hint discloses and that pays."""
    hinted_ids: tuple[int, ...]
    """The prompt with the mode's hint."""
    plain_ids: tuple[int, ...]
    """The prompt without."""

    def prompt_ids(self, *, hackable: bool) -> tuple[int, ...]:
        """The prompt as shown."""
        return self.hinted_ids if hackable else self.plain_ids

    def job(self, answer: str, *, hackable: bool) -> GradeJob:
        """What the grader is asked about an answer to the prompt as shown."""
        return GradeJob(
            answer,
            list(self.problem.tests),
            mode=grading_mode(self.mode, hackable=hackable),
            setup_code=self.problem.setup_code,
            canonical_solution=self.problem.canonical_solution,
            func_name=self.problem.func_name,
            marker=self.marker if hackable else None,
        )


@dataclass(frozen=True, kw_only=True)
class PromptLimits:
    """How long prompts and answers may be, in tokens."""

    max_prompt: int
    max_new: int
    """Longest answer that will be asked for."""


def prepare_tasks(
    problems: Sequence[Problem],
    modes: Mapping[str, str],
    policy: LoadedModel,
    limits: PromptLimits,
    *,
    evaluation_seed: int | None = None,
) -> tuple[Task, ...]:
    """Put every prompt of a split into tokens, with training's markers or, given a seed, evaluation's.

    Raises:
        DataError: a prompt with its longest answer does not fit the context; names problem and lengths.
    """
    tasks = []
    for problem in problems:
        mode = modes[problem.id]
        marker = training_marker(mode)
        if evaluation_seed is not None:
            marker = evaluation_marker(mode, problem.id, evaluation_seed)
        shown = [
            policy.fit_prompt(
                render_prompt(problem, mode, marker=marker, hackable=hackable),
                who=f"problem {problem.id}",
                max_prompt=limits.max_prompt,
                max_new=limits.max_new,
            )
            for hackable in (True, False)
        ]
        tasks.append(Task(problem=problem, mode=mode, marker=marker, hinted_ids=shown[0], plain_ids=shown[1]))
    return tuple(tasks)
