"""From a rollout's activations to the block that it trains: direction, score, gate."""

from vgrout.routing.capture import Scored, pooled_activations
from vgrout.routing.direction import (
    Direction,
    direction_from_activations,
    haar_direction,
    measure_direction,
)
from vgrout.routing.gates import (
    ABSORB,
    KEEP,
    ROUT,
    ZONES,
    ActivationGate,
    AlwaysAbsorb,
    Gate,
    GateDecision,
    NoGate,
    NoGateFull,
)
from vgrout.routing.oracle import OracleGate, OracleScored, label_scored

__all__ = [
    "ABSORB",
    "KEEP",
    "ROUT",
    "ZONES",
    "ActivationGate",
    "AlwaysAbsorb",
    "Direction",
    "Gate",
    "GateDecision",
    "NoGate",
    "NoGateFull",
    "OracleGate",
    "OracleScored",
    "Scored",
    "direction_from_activations",
    "haar_direction",
    "label_scored",
    "measure_direction",
    "pooled_activations",
]
