"""A scoring function for verl (written against 0.9): point `custom_reward_function` at `compute_score`.

verl looks for a function in a file. A file with `from vgrout.integrations.verl import compute_score` will do; the
entries of its `reward_kwargs` are fields of `RewardConfig`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from vgrout.errors import ConfigError
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
            ConfigError: an entry of `reward_kwargs` is out of range, or misspelt; verl's own are passed over.
            DataError: the row cannot be graded.
            SandboxUnavailable: the kernel enforces less than `min_level`.
            GraderError: the machinery failed; verl has no way to leave a sample out, and it is not worth 0.
        """
        _refuse_misspelt(kwargs)
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


def _refuse_misspelt(kwargs: Mapping[str, Any]) -> None:
    """Refuse what looks like a setting and is none: verl hands over entries of its own, too."""
    for name in kwargs.keys() - _SETTINGS:
        if near := get_close_matches(name, _SETTINGS, n=1, cutoff=0.8):
            raise ConfigError(f"reward_kwargs: {name!r} is no setting\nhint: `{near[0]}` is meant")


compute_score = VerlScore(RewardConfig(name="compute_score"))
"""With default settings."""
