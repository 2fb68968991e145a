"""Rewards for verifiers: a task's method for 0.4 and later, a rubric's function for 0.3 and earlier."""

import asyncio
import inspect
import logging
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

from vgrout.errors import VgroutError
from vgrout.grading import GradeJob, Verdict
from vgrout.integrations.config import RewardConfig, grade_one
from vgrout.integrations.rows import FIELDS, build_job, completion_text, diagnostics, truth_fields

_log = logging.getLogger(__name__)


class TaskReward:
    """A reward of a verifiers (≥ 0.4) task, written in the class body as `code = vf.reward(TaskReward(config))`.

    The task's data have the fields `tests` (or `gt_answer`) and, where needed, `mode`, `marker`, `setup_code`,
    `func_name`, `canonical_solution`. The trace's last reply is graded; diagnostics go to `trace.info["vgrout"]`.
    """

    def __init__(self, config: RewardConfig | None = None) -> None:
        """Grade by `config`; None is the default one."""
        self.config = config or RewardConfig()
        self.__name__ = self.config.name
        # Hooks are called with what their signature names; `inspect` finds none on an object with `__get__`.
        self.__signature__ = inspect.signature(type(self).__call__.__get__(self))

    def __set_name__(self, owner: type, name: str) -> None:
        # The framework looks a hook up under the name of its attribute and records it under `__name__`.
        self.__name__ = name

    def __get__(self, task: object, owner: type | None = None) -> Any:
        return self if task is None else MethodType(self, task)

    async def __call__(self, task: Any, trace: Any, runtime: object = None) -> float:
        """The reward of the trace's last reply; grading needs no runtime of the framework.

        Raises:
            VgroutError: the row cannot be graded or the machinery failed; the framework then records the trace
                as not scored.
        """
        del runtime
        # A function that a config plugs in is handed the data themselves.
        data = getattr(task, "data", task)
        row = data if isinstance(data, Mapping) else {name: getattr(data, name, None) for name in FIELDS}
        name = getattr(data, "name", None) or getattr(data, "idx", None)
        job = build_job(self.config, trace.last_reply, row, f"task {name}")
        verdict = await _grade(self.config, job)
        if isinstance(getattr(trace, "info", None), MutableMapping):
            trace.info["vgrout"] = {**diagnostics(verdict), "outcome": verdict.outcome}
        return self.config.points(verdict)


@dataclass(frozen=True)
class RubricReward:
    """A reward of a verifiers (≤ 0.3) rubric: `vf.Rubric(funcs=[RubricReward(config)])`.

    Tests and the other fields are sought among the row's own columns, then in `info`, then in `answer`.
    """

    config: RewardConfig = field(default_factory=RewardConfig)
    """What to grade by."""

    @property
    def __name__(self) -> str:
        return self.config.name

    async def __call__(
        self, completion: Any, answer: Any = "", info: Any = None, state: Any = None, **columns: Any
    ) -> float:
        """The completion's reward; NaN, with the error in `state["error"]`, where there is no verdict.

        A rubric turns an exception of a reward function into a reward of 0.0, which a failure must never be.
        """
        own = {name: columns[name] for name in FIELDS if columns.get(name) is not None}
        row = truth_fields(answer) | truth_fields(info if isinstance(info, Mapping) else None) | own
        try:
            response = completion_text(completion, "completion")
            verdict = await _grade(self.config, build_job(self.config, response, row, "row"))
        except VgroutError as error:
            _log.exception("no verdict; the rollout's reward is NaN")
            if isinstance(state, MutableMapping) and state.get("error") is None:
                state["error"] = error
            return float("nan")
        return self.config.points(verdict)


async def _grade(config: RewardConfig, job: GradeJob) -> Verdict:
    # The grader blocks until the verdict is there; the event loop must not.
    return await asyncio.to_thread(grade_one, config, job)


reward = TaskReward()
"""For a task of verifiers ≥ 0.4, with default settings."""
rubric_reward = RubricReward()
"""For a rubric of verifiers ≤ 0.3, with default settings."""
