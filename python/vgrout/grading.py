"""Grading: the Rust grader's names, and what the trainer takes from its verdicts.

Rewards and oracle labels part ways here: `Rewards` go into advantages, `Diagnostics` only into measurements and
into gates that say in their type that they read labels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from vgrout._native import (
    FILE_MARKER_CONTENT,
    TRAINING_MARKERS,
    FenceLayer,
    FenceReport,
    GradedBatch,
    GradeJob,
    Grader,
    Limits,
    TestFunctionDiagnostics,
    Verdict,
)

__all__ = [
    "FENCE_LEVELS",
    "FILE_MARKER_CONTENT",
    "TRAINING_MARKERS",
    "Diagnostics",
    "FenceLayer",
    "FenceReport",
    "GradeJob",
    "GradedBatch",
    "Grader",
    "Limits",
    "Rewards",
    "TestFunctionDiagnostics",
    "Verdict",
    "to_rewards",
]

FENCE_LEVELS = ("base", "landlock", "namespaces", "cgroup")
"""Levels of the fence, each above the one before."""


@dataclass(frozen=True, kw_only=True)
class Rewards:
    """What a batch of rollouts earned."""

    reward: Float[ndarray, "B"]
    """0.5 for code that compiles, plus 3.0 where the answer passed."""


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """Oracle labels of a batch: for measurement, and for gates that are meant to read labels."""

    verdicts: tuple[Verdict, ...]
    """One per rollout, in batch order."""
    exploited: Bool[ndarray, "B"]
    """The home mode's loophole paid and the answer is wrong."""
    gt_correct: Bool[ndarray, "B"]
    """The strict oracle accepts the answer."""


def to_rewards(batch: GradedBatch) -> tuple[Rewards, Diagnostics]:
    """Split a graded batch into what the update may see and what it may not."""
    verdicts = tuple(batch)
    rewards = Rewards(reward=np.array([verdict.reward for verdict in verdicts], dtype=np.float64))
    diagnostics = Diagnostics(
        verdicts=verdicts,
        exploited=np.array([verdict.exploited for verdict in verdicts], dtype=np.bool_),
        gt_correct=np.array([verdict.gt_correct for verdict in verdicts], dtype=np.bool_),
    )
    return rewards, diagnostics
