"""What a gate is: it says where each rollout trains.

A `Gate` cannot be handed a label: it takes `Scored`, which holds none, and refuses everything else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float64, Int8
from torch import Tensor

from vgrout.adapters.masks import RouteMask
from vgrout.config import TrainConfig
from vgrout.errors import DataError
from vgrout.routing.direction import Direction
from vgrout.routing.scored import Scored

Feature: TypeAlias = Literal["activations", "gradients"]
KEEP, ABSORB, ROUT = 0, 1, 2
ZONES = ("keep", "absorb", "rout")
"""Names of the zones, by number."""


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """Where each rollout trains, and what the gate went by."""

    mask: RouteMask
    """For the training forward, on the device of the batch."""
    zones: Int8[Tensor, " B"]
    """KEEP, ABSORB or ROUT per row, on the CPU."""
    scores: Float64[Tensor, " B"] | None = None
    """None for a gate that scores nothing."""
    low: float | None = None
    """At or below it a row is kept; None without thresholds (no scores, or warming up)."""
    high: float | None = None
    """At or above it a row is routed."""
    buffer_fill: int = 0
    """Scores held, those of this batch included."""

    @property
    def zone_names(self) -> tuple[str, ...]:
        """The zones in words."""
        return tuple(ZONES[zone] for zone in self.zones.tolist())


def decide(zones: Int8[Tensor, " B"], device: torch.device, **facts: Any) -> GateDecision:
    """The decision that puts each row in its zone."""
    on_device = zones.to(device)
    mask = RouteMask(quarantine_on=on_device != KEEP, deployed_frozen=on_device == ROUT)
    return GateDecision(mask=mask, zones=zones, **facts)


class GateBase:
    """What every arm's gate has; a gate that scores nothing and remembers nothing overrides none of it."""

    ablates_at_deployment = True
    """The deployed model runs without the quarantine."""
    feature: Feature = "activations"
    """What of a rollout the direction is a direction of."""
    needs_direction = False
    """`set_direction` must be called before `route`."""
    deploy_share: float | None = None
    """Share of the groups that must be sampled without the quarantine; None leaves it to the config."""

    @classmethod
    def of(cls, config: TrainConfig, modules: int, rank: int) -> GateBase:
        """The gate that a run with these settings and an adapter on `modules` modules of `rank` asks for."""
        del config, modules, rank
        return cls()

    def set_direction(self, direction: Direction) -> None:
        """Score by `direction` from now on, what is remembered included."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to route as the uninterrupted one."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state.

        Raises:
            DataError: the state is another gate's.
        """
        if state:
            raise DataError(f"gate state: {sorted(state)}, expected none: it belongs to another arm")


class Gate(GateBase, ABC):
    """An arm's rule that sees no label; chosen once, so the training loop knows no arm's name."""

    @abstractmethod
    def route(self, scored: Scored) -> GateDecision:
        """Where each row of the batch trains."""


def require_unlabelled(scored: Scored) -> None:
    """Refuse everything but `Scored` itself, also where no type checker looks.

    Raises:
        TypeError: another type, such as one that carries oracle labels.
    """
    if type(scored) is not Scored:
        raise TypeError(f"a label-free gate takes Scored, not {type(scored).__name__}")
