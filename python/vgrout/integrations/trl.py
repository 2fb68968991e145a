"""A reward function for TRL's GRPO and RLOO trainers (written against TRL 1.16)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vgrout.errors import DataError, GraderError
from vgrout.grading import Verdict
from vgrout.integrations.config import RewardConfig, grade
from vgrout.integrations.rows import FIELDS, TESTS, build_job, completion_text, diagnostics


@dataclass(frozen=True)
class TrlReward:
    """`GRPOTrainer(reward_funcs=TrlReward(config), …)`.

    Dataset columns `tests` (or `gt_answer`) and, where there are any, `mode`, `marker`, `setup_code`, `func_name`
    and `canonical_solution` are read; a row whose tests are None is not for this function and gets None.
    """

    config: RewardConfig = field(default_factory=RewardConfig)
    """What to grade by."""

    @property
    def __name__(self) -> str:
        return self.config.name

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        *,
        trainer_state: object = None,
        log_extra: Callable[[str, list[Any]], object] | None = None,
        log_metric: Callable[[str, float], object] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One reward per completion; None, which TRL leaves out, where the machinery failed on it.

        Raises:
            DataError: a list has another length than `prompts`, or a row cannot be graded.
            SandboxUnavailable: the kernel enforces less than `config.min_level`.
            GraderError: the machinery failed on every completion.
        """
        del trainer_state  # a reward does not change while training
        self._check_lengths(len(prompts), completions=completions, completion_ids=completion_ids, **columns)
        rows = [{name: columns[name][i] for name in FIELDS if name in columns} for i in range(len(prompts))]
        graded = [i for i, row in enumerate(rows) if any(row.get(name) is not None for name in TESTS)]
        jobs = [
            build_job(self.config, completion_text(completions[i], f"completions[{i}]"), rows[i], f"row {i}")
            for i in graded
        ]
        verdicts: list[Verdict | None] = [None] * len(rows)
        for i, verdict in zip(graded, grade(self.config, jobs), strict=True):
            verdicts[i] = verdict
        known = [verdict for verdict in verdicts if verdict is not None]
        if graded and not known:
            raise GraderError(f"the machinery failed on all {len(graded)} completions", list(verdicts))
        self._log(verdicts, len(graded) - len(known), log_extra, log_metric)
        return [None if verdict is None else self.config.points(verdict) for verdict in verdicts]

    def _check_lengths(self, expected: int, **lists: Any) -> None:
        if not any(name in lists for name in TESTS):
            raise DataError(
                f"dataset: no column `tests` among {', '.join(sorted(lists))}"
                "\nhint: rename the column that holds each row's list of asserts"
            )
        for name in ("completions", "completion_ids", *FIELDS):
            values = lists.get(name)
            if values is not None and len(values) != expected:
                raise DataError(f"{name}: has {len(values)} entries, expected one per prompt, {expected}")

    def _log(
        self,
        verdicts: Sequence[Verdict | None],
        failed: int,
        log_extra: Callable[[str, list[Any]], object] | None,
        log_metric: Callable[[str, float], object] | None,
    ) -> None:
        known = [diagnostics(verdict) for verdict in verdicts if verdict is not None]
        if log_extra is not None:
            # TRL prints these as a table beside the completions, so every call must fill the same columns.
            log_extra(f"{self.config.name}/outcome", [None if v is None else v.outcome for v in verdicts])
            log_extra(f"{self.config.name}/exploited", [None if v is None else v.exploited for v in verdicts])
        if log_metric is not None and known:
            for name in known[0]:
                log_metric(f"{self.config.name}/{name}", sum(row[name] for row in known) / len(known))
            log_metric(f"{self.config.name}/machinery_failures", float(failed))


reward_func = TrlReward()
"""With default settings."""
