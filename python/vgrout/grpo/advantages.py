"""Advantages of a group of rollouts, and which groups are worth a forward."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from vgrout.errors import ConfigError, ShapeError


def group_advantages(rewards: Float[Tensor, "P G"]) -> Float[Tensor, "P G"]:
    """Centre each prompt's rewards on that prompt's mean.

    A[p, g] = r[p, g] - mean_g r[p, g]. No division by the standard deviation
    (Dr. GRPO, arXiv:2503.20783). A group of equal rewards gives exact zeros, whatever the mean rounds to.

    Raises:
        ShapeError: `rewards` has fewer than two columns; a mean of one is no baseline.
    """
    _check(rewards)
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return torch.where(informative_groups(rewards)[:, None], centred, torch.zeros_like(centred))


def standardised_advantages(rewards: Float[Tensor, "P G"], eps: float = 1e-4) -> Float[Tensor, "P G"]:
    """Centre and divide by the group's standard deviation, as GRPO does (arXiv:2402.03300).

    A[p, g] = (r[p, g] - mean_g r) / (std_g r + eps), with the unbiased standard deviation.

    Raises:
        ShapeError: `rewards` has fewer than two columns.
    """
    return group_advantages(rewards) / (rewards.std(dim=1, keepdim=True) + eps)


def zone_advantages(rewards: Float[Tensor, "P G"], routed: Bool[Tensor, "P G"]) -> Float[Tensor, "P G"]:
    """Centre routed rows on the group's mean, the others on the mean of the group's non-routed rows.

    Rewards of routed hacks then no longer push honest rows of the same group below zero. This changes
    advantages, which the method otherwise leaves alone: an option, never the default. A row that is the only
    non-routed one of its group gets 0.

    Raises:
        ShapeError: `rewards` has fewer than two columns, or `routed` another shape.
    """
    plain = group_advantages(rewards)
    if routed.shape != rewards.shape:
        raise ShapeError(f"routed: {list(routed.shape)}, rewards are {list(rewards.shape)}")
    kept = ~routed
    mean = (rewards * kept).sum(dim=1, keepdim=True) / kept.sum(dim=1, keepdim=True).clamp(min=1)
    low = rewards.masked_fill(routed, torch.inf).amin(dim=1, keepdim=True)
    high = rewards.masked_fill(routed, -torch.inf).amax(dim=1, keepdim=True)
    centred = torch.where(low < high, rewards - mean, torch.zeros_like(rewards))
    return torch.where(routed, plain, centred)


def informative_groups(rewards: Float[Tensor, "P G"]) -> Bool[Tensor, " P"]:
    """Groups whose rewards are not all equal: the others have no advantage and need no forward."""
    return rewards.amax(dim=1) > rewards.amin(dim=1)


def rows_of_groups(groups: Bool[Tensor, " P"], group_size: int) -> Int64[Tensor, " K"]:
    """Indices of the rollouts of the chosen groups, in the order b = p · G + g.

    Raises:
        ConfigError: `group_size` is below 1.
    """
    if group_size < 1:
        raise ConfigError(f"group_size: {group_size} is below 1")
    return groups.repeat_interleave(group_size).nonzero().flatten()


def _check(rewards: Tensor) -> None:
    if rewards.dim() != 2 or rewards.shape[1] < 2:
        raise ShapeError(
            f"rewards: {list(rewards.shape)}, expected [P, G] with G >= 2: a mean of one is no baseline"
        )
