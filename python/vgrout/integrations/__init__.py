"""The grader as a reward function of other trainers: `trl`, `verl`, `verifiers` and `openrlhf`.

Each module holds a ready-made function with default settings and a class that takes a `RewardConfig`. None of the
trainers is imported. Every function may be called from any thread; one grader serves all calls of a process, and
calls that come one sample at a time share its workers.
"""

from vgrout.integrations.config import RewardConfig

__all__ = ["RewardConfig"]
