"""Advantage modification by a direction: what scores high within its group earns less.

Wu and Tang, arXiv:2604.01476. With s a rollout's score, z = (s - mean of the group) / max(deviation of the group, eps) and the
one-sided penalty p = alpha max(z, 0): the additive form trains on r - p, the multiplicative one on 2 r sigmoid(-p), which is r where
there is no penalty. Scores are of this package's direction, at the adapter's bottlenecks, where theirs is of hidden states.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from vgrout.remedies.base import Group, Remedy, Shaped


class Additive(Remedy):
    """r - p."""

    needs_direction = True

    def shape(self, group: Group) -> Shaped:
        """Rewards less the penalty."""
        return Shaped(rewards=group.rewards - self.penalty(group))

    def penalty(self, group: Group) -> Float[Tensor, "P G"]:
        """P of every rollout; 0 at and below its group's mean."""
        assert group.scores is not None
        scores = group.scores.double()
        deviation = scores.std(dim=1, correction=0, keepdim=True).clamp(min=self.settings.least_deviation)
        z = (scores - scores.mean(dim=1, keepdim=True)) / deviation
        return self.settings.alpha * z.clamp(min=0.0)


class Multiplicative(Additive):
    """2 r sigmoid(-p)."""

    def shape(self, group: Group) -> Shaped:
        """Discounted rewards."""
        return Shaped(rewards=group.rewards * 2 * torch.sigmoid(-self.penalty(group)))
