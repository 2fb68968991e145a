"""The gate that sees labels: the ceiling, kept apart so that no label can reach another gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.routing.capture import Scored
from vgrout.routing.direction import Direction
from vgrout.routing.gates import ABSORB, KEEP, ROUT, GateDecision, decide

_KEY = object()

Rest = Literal["match", "keep", "absorb"]


@runtime_checkable
class OracleLabels(Protocol):
    """What `grading.Diagnostics` has: true where a rollout was paid for an exploit."""

    @property
    def exploited(self) -> Bool[np.ndarray, " B"]:
        """One truth value per row."""
        ...


@dataclass(frozen=True, kw_only=True)
class OracleScored:
    """A batch with its oracle labels. No `Scored`: the other gates refuse it, by type. Made by `label_scored`."""

    scored: Scored
    exploited: Bool[Tensor, " B"]
    """The row was paid for an exploit and is not correct."""
    sampled_ablated: Bool[Tensor, " B"]
    """The row was sampled by the deployed policy."""
    _key: object = None

    def __post_init__(self) -> None:
        if self._key is not _KEY:
            raise TypeError("OracleScored is made by label_scored only")


def label_scored(
    scored: Scored, diagnostics: OracleLabels, sampled_ablated: Bool[Tensor, " B"]
) -> OracleScored:
    """The only door by which a label comes near a gate.

    Raises:
        ShapeError: the labels or `sampled_ablated` have other rows than the batch.
    """
    rows = scored.pooled.shape[0]
    exploited = torch.as_tensor(np.asarray(diagnostics.exploited))
    if exploited.shape != (rows,) or sampled_ablated.shape != (rows,):
        raise ShapeError(
            f"labels {list(exploited.shape)}, sampled_ablated {list(sampled_ablated.shape)}, batch of {rows} rows"
        )
    return OracleScored(scored=scored, exploited=exploited, sampled_ablated=sampled_ablated.cpu(), _key=_KEY)


class OracleGate:
    """Route what was exploited; everything else goes to one zone per sampling policy.

    `rest`: "match" absorbs rows of the full policy and keeps rows of the deployed one, so that each row trains
    under the forward that sampled it; "keep" and "absorb" pin one zone. The zone of the rest must not depend on
    whether the row was correct: zone and sign of the advantage would correlate, and training collapses.

    Raises:
        ConfigError: `rest` is none of the three.
    """

    ablates_at_deployment = True
    needs_direction = False

    def __init__(self, rest: Rest = "match") -> None:
        if rest not in ("match", "keep", "absorb"):
            raise ConfigError(f"oracle.rest: {rest!r}, expected 'match', 'keep' or 'absorb'")
        self._rest = rest

    def route(self, labelled: OracleScored) -> GateDecision:
        """Exploited rows are routed, the rest as `rest` says.

        Raises:
            TypeError: the batch carries no labels.
        """
        if not isinstance(labelled, OracleScored):
            raise TypeError(f"the oracle gate takes OracleScored, not {type(labelled).__name__}")
        keeps = {"match": labelled.sampled_ablated, "keep": True, "absorb": False}[self._rest]
        rest = torch.where(torch.as_tensor(keeps).expand_as(labelled.exploited), KEEP, ABSORB)
        zones = torch.where(labelled.exploited, ROUT, rest).to(torch.int8)
        return decide(zones, labelled.scored.pooled.device)

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
