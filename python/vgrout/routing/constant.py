"""Gates that pin one zone: nothing is scored and nothing remembered."""

from __future__ import annotations

import torch

from vgrout.routing.gates import ABSORB, KEEP, Gate, GateDecision, decide, require_unlabelled
from vgrout.routing.scored import Scored


class ConstantGate(Gate):
    """The same zone for every row."""

    zone: int

    def route(self, scored: Scored) -> GateDecision:
        """Every row in the gate's one zone."""
        require_unlabelled(scored)
        zones = torch.full((scored.pooled.shape[0],), self.zone, dtype=torch.int8)
        return decide(zones, scored.pooled.device)


class NoGate(ConstantGate):
    """Plain training at the deployed block's capacity: the quarantine is pinned off, when sampling too."""

    zone = KEEP
    deploy_share = 1.0


class NoGateFull(ConstantGate):
    """Plain training at full capacity: both blocks train and both are deployed."""

    zone = ABSORB
    ablates_at_deployment = False
    deploy_share = 0.0


class AlwaysAbsorb(ConstantGate):
    """Both blocks train on everything, the quarantine is ablated at deployment."""

    zone = ABSORB
