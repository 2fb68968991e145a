"""What a remedy is: it says what each rollout's reward is to be, from what its type allows it to know."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vgrout.config import RemedyConfig
from vgrout.errors import ShapeError


@dataclass(frozen=True, kw_only=True)
class Group:
    """The rewards of a step, G rollouts of each of P prompts, and what of the rollouts needs no label."""

    rewards: Float[Tensor, "P G"]
    """As graded, float64."""
    scores: Float[Tensor, "P G"] | None
    """Pooled activations times the direction; None for a remedy that asks for none."""
    generator: torch.Generator
    """Random numbers of this step."""


@dataclass(frozen=True, kw_only=True)
class Shaped:
    """The rewards that are trained on, and whom the remedy holds for a hack."""

    rewards: Float[Tensor, "P G"]
    flagged: Bool[Tensor, "P G"] | None = None
    """None for a remedy that decides nothing."""


class _RemedyBase:
    needs_direction = False
    """Its groups come with scores."""

    def __init__(self, settings: RemedyConfig) -> None:
        """Keep the run's settings."""
        self.settings = settings

    @classmethod
    def of(cls, settings: RemedyConfig) -> Self:
        """The remedy of a run's settings."""
        return cls(settings)


class Remedy(_RemedyBase, ABC):
    """A rule that sees no label."""

    @abstractmethod
    def shape(self, group: Group) -> Shaped:
        """The rewards to train on."""


class LabelledRemedy(_RemedyBase, ABC):
    """A rule that is handed oracle labels on purpose, such as a monitor of known accuracy."""

    @abstractmethod
    def shape(self, group: Group, exploited: Bool[Tensor, "P G"]) -> Shaped:
        """The rewards to train on."""


def shaped(remedy: Remedy | LabelledRemedy, group: Group, exploited: Bool[Tensor, "P G"]) -> Shaped:
    """Ask a remedy; the labels end here unless its type says that it reads them.

    Raises:
        ShapeError: it gives other rows than it was given.
    """
    found = remedy.shape(group, exploited) if isinstance(remedy, LabelledRemedy) else remedy.shape(group)
    for values in (found.rewards, found.flagged):
        if values is not None and values.shape != group.rewards.shape:
            raise ShapeError(f"remedy: gives {list(values.shape)}, rewards are {list(group.rewards.shape)}")
    return found
