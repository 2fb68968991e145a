"""Vector gradient routing for reinforcement learning on code.

The grader and the score buffer stand here; adapter, routing and trainer are in their own packages and import torch.
"""

from vgrout._native import ScoreBuffer
from vgrout.errors import (
    ConfigError,
    DataError,
    Diverged,
    GraderError,
    SandboxUnavailable,
    ShapeError,
    VgroutError,
)
from vgrout.grading import FenceReport, GradedBatch, GradeJob, Grader, Limits, Verdict

__all__ = [
    "ConfigError",
    "DataError",
    "Diverged",
    "FenceReport",
    "GradeJob",
    "GradedBatch",
    "Grader",
    "GraderError",
    "Limits",
    "SandboxUnavailable",
    "ScoreBuffer",
    "ShapeError",
    "Verdict",
    "VgroutError",
]
