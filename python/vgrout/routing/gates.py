"""The label-free gates: what a rollout's own activations, or nothing at all, say about where it trains.

No gate here can be handed a label: they take `Scored`, which holds none, and refuse everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float64, Int8
from torch import Tensor

from vgrout._native import ScoreBuffer
from vgrout.adapters.masks import RouteMask
from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.routing.capture import Scored
from vgrout.routing.direction import Direction

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

    def shares(self) -> dict[str, float]:
        """Share of the rows in each zone; zeros for an empty batch."""
        rows = max(len(self.mask), 1)
        return {name: int((self.zones == zone).sum()) / rows for zone, name in enumerate(ZONES)}


def decide(zones: Int8[Tensor, " B"], device: torch.device, **facts: Any) -> GateDecision:
    """The decision that puts each row in its zone."""
    on_device = zones.to(device)
    mask = RouteMask(quarantine_on=on_device != KEEP, deployed_frozen=on_device == ROUT)
    return GateDecision(mask=mask, zones=zones, **facts)


@runtime_checkable
class Gate(Protocol):
    """An arm's rule; chosen once, so the training loop knows no arm's name."""

    ablates_at_deployment: bool
    """The deployed model runs without the quarantine."""
    needs_direction: bool
    """`set_direction` must be called before `route`."""

    def route(self, scored: Scored) -> GateDecision:
        """Where each row of the batch trains."""
        ...

    def set_direction(self, direction: Direction) -> None:
        """Score by `direction` from now on, the buffered activations included."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to route as the uninterrupted one."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        ...


class _ConstantGate:
    """The same zone for every row; nothing is scored and nothing remembered."""

    zone: int
    ablates_at_deployment = True
    needs_direction = False

    def route(self, scored: Scored) -> GateDecision:
        """Every row in the gate's one zone."""
        require_unlabelled(scored)
        zones = torch.full((scored.pooled.shape[0],), self.zone, dtype=torch.int8)
        return decide(zones, scored.pooled.device)

    def set_direction(self, direction: Direction) -> None:
        """Nothing is scored, so nothing changes."""

    def state_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Accept the empty state.

        Raises:
            DataError: the state is another gate's.
        """
        if state:
            raise DataError(f"gate state: {sorted(state)}, expected none: it belongs to another arm")


class NoGate(_ConstantGate):
    """Plain training at the deployed block's capacity: the quarantine is pinned off."""

    zone = KEEP


class NoGateFull(_ConstantGate):
    """Plain training at full capacity: both blocks train and both are deployed."""

    zone = ABSORB
    ablates_at_deployment = False


class AlwaysAbsorb(_ConstantGate):
    """Both blocks train on everything, the quarantine is ablated at deployment."""

    zone = ABSORB


class ActivationGate:
    """Route by the place of a rollout's score in the run's own distribution of scores.

    Scores are pooled activations times the direction, flattened over modules. New rows are pushed first and the
    thresholds, the symmetric `tail_quantile` quantiles, are read from the buffer that includes them: so they
    exist from the first batch on, and a row is judged against its contemporaries. Then score <= low keeps,
    score >= high routs, all between absorb; a score that is both (a degenerate buffer) absorbs. Until the
    buffer holds `warmup` rows, those of the batch included, every row absorbs.

    The buffer keeps activations, not scores: `set_direction` re-scores them, and no refresh needs a flush.

    Raises:
        ConfigError: `tail_quantile` outside (0, .5), or `warmup` below 1 or beyond the buffer's capacity.
    """

    ablates_at_deployment = True
    needs_direction = True

    def __init__(self, buffer: ScoreBuffer, tail_quantile: float = 0.1, warmup: int = 256) -> None:
        if not 0.0 < tail_quantile < 0.5:
            raise ConfigError(f"gate.tail_quantile: {tail_quantile} is outside (0, 0.5)")
        if not 1 <= warmup <= buffer.capacity:
            raise ConfigError(
                f"gate.warmup: {warmup} is outside [1, {buffer.capacity}]; the buffer would never hold it"
            )
        self._buffer = buffer
        self._tail_quantile = tail_quantile
        self._warmup = warmup
        self._shape: tuple[int, ...] | None = None

    @classmethod
    def build(
        cls,
        modules: int,
        rank: int,
        *,
        capacity: int = 8192,
        half_life: float | None = None,
        tail_quantile: float = 0.1,
        warmup: int = 256,
    ) -> ActivationGate:
        """The gate with a new buffer for activations `[modules, rank]`; `half_life` in rollouts."""
        return cls(ScoreBuffer(capacity, modules * rank, half_life), tail_quantile, warmup)

    def set_direction(self, direction: Direction) -> None:
        """Score by `direction` from now on, the buffered activations included."""
        self._buffer.set_direction(direction.vector.flatten().contiguous().numpy())
        self._shape = tuple(direction.vector.shape)

    def route(self, scored: Scored) -> GateDecision:
        """Push the batch, then place each row by the thresholds.

        Raises:
            ConfigError: no direction was set.
            ShapeError: the activations are not the direction's `[M, r]`.
            DataError: an activation is not finite; nothing was pushed.
        """
        require_unlabelled(scored)
        pooled = scored.pooled
        if self._shape is None:
            raise ConfigError("gate: route before set_direction; extract or draw a direction first")
        if tuple(pooled.shape[1:]) != self._shape:
            raise ShapeError(f"gate: activations {list(pooled.shape)}, the direction is {list(self._shape)}")
        rows = pooled.detach().to(device="cpu", dtype=torch.float32).flatten(1).contiguous()
        bad = (~torch.isfinite(rows)).any(dim=1).nonzero().flatten().tolist()
        if bad:
            raise DataError(f"gate: pooled activations of rows {bad} are not finite; nothing was stored")
        scores = torch.from_numpy(self._buffer.push(rows.numpy()))
        zones = torch.full((len(scores),), ABSORB, dtype=torch.int8)
        low = high = None
        if len(self._buffer) >= self._warmup:
            low, high = self._buffer.thresholds(self._tail_quantile)
            kept, routed = scores <= low, scores >= high
            zones[kept & ~routed] = KEEP
            zones[routed & ~kept] = ROUT
        fill = len(self._buffer)
        return decide(zones, pooled.device, scores=scores, low=low, high=high, buffer_fill=fill)

    def state_dict(self) -> dict[str, Any]:
        """The buffer, which holds the direction too, and the direction's shape."""
        return {"buffer": self._buffer.state_dict(), "direction_shape": self._shape}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; the buffer checks that it fits.

        Raises:
            DataError: keys are missing, or the buffer refuses the state.
        """
        if set(state) != {"buffer", "direction_shape"}:
            raise DataError(f"gate state: {sorted(state)}, expected ['buffer', 'direction_shape']")
        try:
            self._buffer.load_state_dict(state["buffer"])
        except ValueError as error:
            raise DataError(f"gate state: {error}") from error
        shape = state["direction_shape"]
        self._shape = None if shape is None else tuple(shape)


def require_unlabelled(scored: Scored) -> None:
    """Refuse everything but `Scored` itself, also where no type checker looks.

    Raises:
        TypeError: another type, such as one that carries oracle labels.
    """
    if type(scored) is not Scored:
        raise TypeError(f"a label-free gate takes Scored, not {type(scored).__name__}")
