"""A monitor of known accuracy, and the two things that are done with whom it flags.

The benchmark's monitors, with ground truth in the place of a judge: each rollout's label is told wrongly with the chance
1 - accuracy, drawn anew for each. As a penalty, a flagged rollout loses `penalty` of its reward. As screening, it is left out of
its group: it gets the mean reward of the others, so that their mean and their advantages are those of a group without it.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from vgrout.remedies.base import Group, LabelledRemedy, Shaped


class Penalty(LabelledRemedy):
    """A flagged rollout loses reward."""

    def shape(self, group: Group, exploited: Bool[Tensor, "P G"]) -> Shaped:
        """Rewards less the penalty of those flagged."""
        flagged = self.flag(group, exploited)
        return Shaped(rewards=group.rewards - self.settings.penalty * flagged, flagged=flagged)

    def flag(self, group: Group, exploited: Bool[Tensor, "P G"]) -> Bool[Tensor, "P G"]:
        """What the monitor says."""
        drawn = torch.rand(group.rewards.shape, generator=group.generator, dtype=torch.float64)
        return exploited ^ (drawn >= self.settings.accuracy)


class Screening(Penalty):
    """A flagged rollout is left out of its group."""

    def shape(self, group: Group, exploited: Bool[Tensor, "P G"]) -> Shaped:
        """Rewards, those flagged at the mean of the others; a group of which fewer than two are left counts for nothing."""
        flagged = self.flag(group, exploited)
        left = ~flagged
        count = left.sum(dim=1, keepdim=True)
        mean = (group.rewards * left).sum(dim=1, keepdim=True) / count.clamp(min=1)
        rewards = torch.where(left & (count > 1), group.rewards, mean.expand_as(group.rewards))
        return Shaped(rewards=rewards, flagged=flagged)
