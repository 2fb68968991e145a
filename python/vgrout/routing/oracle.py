"""The ceiling: route by the oracle's labels."""

from __future__ import annotations

from typing import Literal

import torch

from vgrout.errors import ConfigError
from vgrout.routing.gates import ABSORB, KEEP, ROUT, GateDecision, decide
from vgrout.routing.labels import LabelledGate, OracleScored, require_labelled

Rest = Literal["match", "keep", "absorb"]


class OracleGate(LabelledGate):
    """Route what was exploited; everything else goes to one zone per sampling policy.

    `rest`: "match" absorbs rows of the full policy and keeps rows of the deployed one, so that each row trains
    under the forward that sampled it; "keep" and "absorb" pin one zone. The zone of the rest must not depend on
    whether the row was correct: zone and sign of the advantage would correlate, and training collapses.

    Raises:
        ConfigError: `rest` is none of the three.
    """

    def __init__(self, rest: Rest = "match") -> None:
        if rest not in ("match", "keep", "absorb"):
            raise ConfigError(f"oracle.rest: {rest!r}, expected 'match', 'keep' or 'absorb'")
        self._rest = rest

    def route(self, labelled: OracleScored) -> GateDecision:
        """Exploited rows are routed, the rest as `rest` says.

        Raises:
            TypeError: the batch carries no labels.
        """
        require_labelled(labelled)
        keeps = {"match": labelled.sampled_ablated, "keep": True, "absorb": False}[self._rest]
        rest = torch.where(torch.as_tensor(keeps).expand_as(labelled.exploited), KEEP, ABSORB)
        zones = torch.where(labelled.exploited, ROUT, rest).to(torch.int8)
        return decide(zones, labelled.scored.pooled.device)
