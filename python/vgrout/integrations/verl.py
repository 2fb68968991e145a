"""A scoring function for verl (written against 0.9): point `custom_reward_function` at `compute_score`.

verl looks for a function in a file. A file with `from vgrout.integrations.verl import compute_score` will do; the
entries of its `reward_kwargs` are fields of `RewardConfig`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from vgrout.integrations.config import RewardConfig, grade_one
from vgrout.integrations.rows import FIELDS, build_job, diagnostics, truth_fields

_SETTINGS = frozenset(setting.name for setting in fields(RewardConfig))


@dataclass(frozen=True)
class VerlScore:
    """`compute_score` with settings of its own."""

    config: RewardConfig = field(default_factory=RewardConfig)
    """What to grade by, unless `reward_kwargs` says otherwise."""

    @property
    def __name__(self) -> str:
        return self.config.name

    def __call__(
        self,
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, float | str]:
        """The sample's `score`, and flat diagnostics under the same keys for every sample.

        `ground_truth` is the tests (a list, or one string), or a mapping or JSON object of the fields `tests`,
        `mode`, `marker`, `setup_code`, `func_name`, `canonical_solution`; what it lacks is taken from `extra_info`.

        Raises:
            DataError: the row cannot be graded.
            SandboxUnavailable: the kernel enforces less than `min_level`.
            GraderError: the machinery failed; verl has no way to leave a sample out, and it is not worth 0.
        """
        config = replace(self.config, **{name: kwargs[name] for name in _SETTINGS & kwargs.keys()})
        extra = extra_info or {}
        row = {name: extra[name] for name in FIELDS if name in extra} | truth_fields(ground_truth)
        verdict = grade_one(config, build_job(config, solution_str, row, f"data_source {data_source!r}"))
        return {
            "score": config.points(verdict),
            "acc": float(verdict.gt_correct),
            **diagnostics(verdict),
            "outcome": verdict.outcome,
        }


compute_score = VerlScore(RewardConfig(name="compute_score"))
"""With default settings."""
