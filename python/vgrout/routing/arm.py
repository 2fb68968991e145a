"""An arm of an experiment: chosen once, so that the loop names none."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from vgrout import registry
from vgrout.config import TrainConfig
from vgrout.routing.gates import Gate, GateDecision
from vgrout.routing.labels import LabelledGate, OracleLabels, label_scored
from vgrout.routing.scored import Scored


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Where updates go, which policy samples, and what is deployed."""

    name: str
    """In files and tables."""
    deploy_share: float
    """Share of the groups that are sampled without the quarantine."""
    gate: Gate | LabelledGate

    def route(self, scored: Scored, labels: OracleLabels, ablated: Bool[Tensor, " B"]) -> GateDecision:
        """Where each row's update goes; `ablated` rows were sampled without the quarantine.

        The labels end here, unless the gate says in its type that it reads them.
        """
        if isinstance(self.gate, LabelledGate):
            return self.gate.route(label_scored(scored, labels, ablated))
        return self.gate.route(scored)


def make_arm(config: TrainConfig, modules: int, rank: int) -> Arm:
    """Give the arm that the config names, for an adapter on `modules` modules of `rank`.

    Raises:
        ConfigError: there is no such arm, or its settings are out of range.
    """
    gate = registry.load(registry.ARMS, config.intervention, "intervention").of(config, modules, rank)
    share = config.rollouts.deploy_share if gate.deploy_share is None else gate.deploy_share
    return Arm(name=config.arm, deploy_share=share, gate=gate)
