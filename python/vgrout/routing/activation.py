"""The method's own gate: a rollout's activations against the run's distribution of scores."""

from __future__ import annotations

from typing import Any

import torch

from vgrout._native import ScoreBuffer
from vgrout.config import TrainConfig
from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.routing.direction import Direction
from vgrout.routing.gates import ABSORB, KEEP, ROUT, Gate, GateDecision, decide, require_unlabelled
from vgrout.routing.scored import Scored


class ActivationGate(Gate):
    """Route by the place of a rollout's score in the run's own distribution of scores.

    Scores are pooled activations times the direction, flattened over modules. New rows are pushed first and the
    thresholds, the symmetric `tail_quantile` quantiles, are read from the buffer that includes them: so they
    exist from the first batch on, and a row is judged against its contemporaries. Then score <= low keeps,
    score >= high routs, all between absorb; a score that is both (a degenerate buffer) absorbs. Until the
    buffer holds `warmup` rows, those of the batch included, every row absorbs.

    The buffer keeps activations, not scores: `set_direction` re-scores them, and no refresh needs a flush. The bounds of
    its numbers are `GateConfig`'s.
    """

    needs_direction = True

    def __init__(self, buffer: ScoreBuffer, tail_quantile: float = 0.1, warmup: int = 256) -> None:
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

    @classmethod
    def of(cls, config: TrainConfig, modules: int, rank: int) -> ActivationGate:
        """The gate of a run's settings."""
        gate = config.gate
        return cls.build(
            modules,
            rank,
            capacity=gate.capacity,
            half_life=gate.half_life,
            tail_quantile=gate.tail_quantile,
            warmup=gate.warmup,
        )

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
