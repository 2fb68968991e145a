"""The arms of an experiment: objects that are chosen once, so that the loop names none of them."""

from dataclasses import dataclass
from typing import Any, Protocol

from jaxtyping import Bool
from torch import Tensor

from vgrout.config import TrainConfig
from vgrout.errors import ConfigError
from vgrout.grading import Diagnostics
from vgrout.routing import (
    ActivationGate,
    AlwaysAbsorb,
    Direction,
    Gate,
    GateDecision,
    NoGate,
    NoGateFull,
    OracleGate,
    Scored,
    label_scored,
)


class Arm(Protocol):
    """What an arm decides: where updates go, which policy samples, and what is deployed."""

    @property
    def name(self) -> str:
        """Name of the arm in files and tables."""
        ...

    @property
    def deploy_share(self) -> float:
        """Share of the groups that are sampled without the quarantine."""
        ...

    @property
    def ablates_at_deployment(self) -> bool:
        """Deployment runs without the quarantine."""
        ...

    @property
    def needs_direction(self) -> bool:
        """The gate scores activations against a direction."""
        ...

    def route(self, scored: Scored, diagnostics: Diagnostics, ablated: Bool[Tensor, "B"]) -> GateDecision:
        """Where each row's update goes; `ablated` rows were sampled without the quarantine."""
        ...

    def set_direction(self, direction: Direction) -> None:
        """Score against `direction` from now on."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`'s value."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelFreeArm:
    """An arm whose gate sees no label: the diagnostics end here."""

    name: str
    deploy_share: float
    gate: Gate

    @property
    def ablates_at_deployment(self) -> bool:
        """Deployment runs without the quarantine."""
        return self.gate.ablates_at_deployment

    @property
    def needs_direction(self) -> bool:
        """The gate scores activations against a direction."""
        return self.gate.needs_direction

    def route(self, scored: Scored, diagnostics: Diagnostics, ablated: Bool[Tensor, "B"]) -> GateDecision:
        """Where each row's update goes, from its activations alone."""
        del diagnostics, ablated
        return self.gate.route(scored)

    def set_direction(self, direction: Direction) -> None:
        """Score against `direction` from now on."""
        self.gate.set_direction(direction)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return self.gate.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`'s value."""
        self.gate.load_state_dict(state)


@dataclass(frozen=True, kw_only=True)
class LabelledArm:
    """The ceiling: an arm whose gate is handed oracle labels on purpose."""

    name: str
    deploy_share: float
    gate: OracleGate
    ablates_at_deployment: bool = True
    needs_direction: bool = False

    def route(self, scored: Scored, diagnostics: Diagnostics, ablated: Bool[Tensor, "B"]) -> GateDecision:
        """Where each row's update goes, from the oracle's labels."""
        return self.gate.route(label_scored(scored, diagnostics, ablated))

    def set_direction(self, direction: Direction) -> None:
        """Refuse: this gate has no use for a direction."""
        raise ConfigError(f"arm {self.name}: has no direction to set (rank {direction.vector.shape[-1]})")

    def state_dict(self) -> dict[str, Any]:
        """Nothing: this gate remembers nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""


def make_arm(config: TrainConfig, modules: int, rank: int) -> Arm:
    """Give the arm that the config names."""
    name, share = config.arm, config.rollouts.deploy_share
    match config.intervention:
        case "none":
            # The quarantine is pinned off, so every group's policy is the one without it.
            return LabelFreeArm(name=name, deploy_share=1.0, gate=NoGate())
        case "none-full":
            return LabelFreeArm(name=name, deploy_share=0.0, gate=NoGateFull())
        case "absorb":
            return LabelFreeArm(name=name, deploy_share=share, gate=AlwaysAbsorb())
        case "routeA":
            gate = ActivationGate.build(
                modules,
                rank,
                capacity=config.gate.capacity,
                half_life=config.gate.half_life,
                tail_quantile=config.gate.tail_quantile,
                warmup=config.gate.warmup,
            )
            return LabelFreeArm(name=name, deploy_share=share, gate=gate)
        case "oracle":
            return LabelledArm(name=name, deploy_share=share, gate=OracleGate())
