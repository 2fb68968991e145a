"""The control for the rate of routing: the oracle's labels, dealt out at random."""

from __future__ import annotations

import torch

from vgrout.config import TrainConfig
from vgrout.env.stable import stable_number
from vgrout.routing.gates import GateDecision
from vgrout.routing.labels import LabelledGate, OracleScored, relabelled, require_labelled
from vgrout.routing.oracle import OracleGate


class ShuffledGate(LabelledGate):
    """As many rows of each step are routed as were exploited, but which ones is a seeded draw.

    What it suppresses, routing at that rate suppresses by itself.
    """

    def __init__(self, gate: OracleGate, seed: int) -> None:
        self._gate = gate
        self._seed = seed
        self._batches = 0

    @classmethod
    def of(cls, config: TrainConfig, modules: int, rank: int) -> ShuffledGate:
        """The gate of a run's settings."""
        return cls(OracleGate.of(config, modules, rank), config.seed)

    def route(self, labelled: OracleScored) -> GateDecision:
        """Route by the labels in a random order; draws depend on the seed and the number of batches before."""
        require_labelled(labelled)
        drawn = torch.Generator().manual_seed(stable_number("shuffled", self._seed, self._batches) % 2**63)
        self._batches += 1
        order = torch.randperm(len(labelled.exploited), generator=drawn)
        return self._gate.route(relabelled(labelled, labelled.exploited[order]))

    def state_dict(self) -> dict[str, int]:
        """How many batches were routed."""
        return {"batches": self._batches}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after as many batches."""
        self._batches = state["batches"]
