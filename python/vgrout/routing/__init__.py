"""From a rollout's activations to the block that it trains: direction, score, gate."""

from vgrout.routing.activation import ActivationGate
from vgrout.routing.arm import Arm, make_arm
from vgrout.routing.constant import AlwaysAbsorb, NoGate, NoGateFull
from vgrout.routing.direction import (
    Direction,
    direction_from_activations,
    haar_direction,
    measure_direction,
)
from vgrout.routing.gates import ABSORB, KEEP, ROUT, ZONES, Feature, Gate, GateDecision
from vgrout.routing.gradient import GradientGate
from vgrout.routing.labels import LabelledGate, OracleScored, label_scored
from vgrout.routing.oracle import OracleGate
from vgrout.routing.scored import Scored, pooled_activations

__all__ = [
    "ABSORB",
    "KEEP",
    "ROUT",
    "ZONES",
    "ActivationGate",
    "AlwaysAbsorb",
    "Arm",
    "Direction",
    "Feature",
    "Gate",
    "GateDecision",
    "GradientGate",
    "LabelledGate",
    "NoGate",
    "NoGateFull",
    "OracleGate",
    "OracleScored",
    "Scored",
    "direction_from_activations",
    "haar_direction",
    "label_scored",
    "make_arm",
    "measure_direction",
    "pooled_activations",
]
