"""Grading: the Rust grader's names, and what the trainer takes from its verdicts.

Rewards and oracle labels part ways here: `Rewards` go into advantages, `Diagnostics` only into measurements and
into gates that say in their type that they read labels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

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
from vgrout.config import FenceLevel, GraderConfig
from vgrout.errors import ConfigError, DataError, SandboxUnavailable

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
    "limits_of",
    "open_grader",
    "to_rewards",
]

FENCE_LEVELS: tuple[FenceLevel, ...] = get_args(FenceLevel)
"""Levels of the fence, each above the one before."""


def limits_of(config: GraderConfig) -> Limits:
    """The limits of one answer.

    Raises:
        ConfigError: one is out of range.
    """
    try:
        return Limits(
            cpu_s=config.cpu_s,
            memory_bytes=config.memory_bytes,
            wall_s=config.wall_s,
            output_bytes=config.output_bytes,
            canonical_factor=config.canonical_factor,
            recursion_limit=config.recursion_limit,
            int_max_str_digits=config.int_max_str_digits,
        )
    except DataError as error:
        raise ConfigError(str(error)) from None


def open_grader(config: GraderConfig) -> Grader:
    """Start the grader of these settings; close it, or use it as a context.

    Raises:
        ConfigError: a setting is out of range, or a module of `config.preload` cannot be loaded.
        SandboxUnavailable: the kernel enforces less than `config.min_level`.
    """
    limits = limits_of(config)
    try:
        return Grader(
            workers=config.workers, limits=limits, min_level=config.min_level, preload=config.preload
        )
    except SandboxUnavailable as error:
        _, is_module, what = str(error).partition(": preload: ")
        if not is_module:
            raise
        raise ConfigError(
            f"preload: {what}\nhint: install it in the environment that grades, or leave it out"
        ) from error


@dataclass(frozen=True, kw_only=True)
class Rewards:
    """What a batch of rollouts earned."""

    reward: Float[ndarray, " B"]
    """0.5 for code that compiles, plus 3.0 where the answer passed."""


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """Oracle labels of a batch: for measurement, and for gates that are meant to read labels."""

    verdicts: tuple[Verdict, ...]
    """One per rollout, in batch order."""
    exploited: Bool[ndarray, " B"]
    """The home mode's loophole paid and the answer is wrong."""
    gt_correct: Bool[ndarray, " B"]
    """The strict oracle accepts the answer."""

    def take(self, rows: ndarray) -> "Diagnostics":
        """Those of some rows."""
        return Diagnostics(
            verdicts=tuple(self.verdicts[row] for row in rows.tolist()),
            exploited=self.exploited[rows],
            gt_correct=self.gt_correct[rows],
        )


def to_rewards(batch: Iterable[Verdict]) -> tuple[Rewards, Diagnostics]:
    """Split a graded batch into what the update may see and what it may not."""
    verdicts = tuple(batch)
    rewards = Rewards(reward=np.array([verdict.reward for verdict in verdicts], dtype=np.float64))
    diagnostics = Diagnostics(
        verdicts=verdicts,
        exploited=np.array([verdict.exploited for verdict in verdicts], dtype=np.bool_),
        gt_correct=np.array([verdict.gt_correct for verdict in verdicts], dtype=np.bool_),
    )
    return rewards, diagnostics
