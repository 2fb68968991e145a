"""The ceiling: route by the oracle's labels, or by labels of a given precision and recall."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from vgrout.config import OracleConfig, OracleRest, TrainConfig
from vgrout.env.stable import stable_number
from vgrout.routing.gates import ABSORB, KEEP, ROUT, GateDecision, decide
from vgrout.routing.labels import LabelledGate, OracleScored, require_labelled


class OracleGate(LabelledGate):
    """Route what was exploited; everything else goes to one zone, or to one per sampling policy.

    `rest`: "match" absorbs rows of the full policy and keeps rows of the deployed one, so that each row trains
    under the forward that sampled it; "keep" and "absorb" pin one zone. The zone of the rest must not depend on
    whether the row was correct: zone and sign of the advantage would correlate, and training collapses.

    With `recall` below 1 each exploited row is missed with chance 1 - recall; with `precision` below 1 other rows
    are routed by mistake, so many that on average the share `precision` of the routed rows is exploited. Bounds of both
    are `OracleConfig`'s.
    """

    def __init__(
        self, rest: OracleRest = "match", *, precision: float = 1.0, recall: float = 1.0, seed: int = 0
    ) -> None:
        self._rest = rest
        self._precision, self._recall = precision, recall
        self._seed = seed
        self._batches = 0

    @classmethod
    def of(cls, config: TrainConfig, modules: int, rank: int) -> OracleGate:
        """The gate of a run's settings."""
        del modules, rank
        oracle: OracleConfig = config.oracle
        return cls(oracle.rest, precision=oracle.precision, recall=oracle.recall, seed=config.seed)

    def route(self, labelled: OracleScored) -> GateDecision:
        """Rows taken for exploited are routed, the rest as `rest` says.

        Raises:
            TypeError: the batch carries no labels.
        """
        require_labelled(labelled)
        routed = self._with_errors(labelled.exploited)
        keeps = {"match": labelled.sampled_ablated, "keep": True, "absorb": False}[self._rest]
        rest = torch.where(torch.as_tensor(keeps).expand_as(routed), KEEP, ABSORB)
        return decide(torch.where(routed, ROUT, rest).to(torch.int8), labelled.scored.pooled.device)

    def _with_errors(self, exploited: Bool[Tensor, " B"]) -> Bool[Tensor, " B"]:
        """The labels as a detector of this precision and recall has them; draws depend on seed and batch."""
        if self._precision == self._recall == 1.0:
            return exploited
        drawn = torch.Generator().manual_seed(stable_number("oracle", self._seed, self._batches) % 2**63)
        self._batches += 1
        chance = torch.rand(len(exploited), generator=drawn)
        hits = exploited & (chance < self._recall)
        honest = int((~exploited).sum())
        wrong = float(exploited.sum()) * self._recall * (1 - self._precision) / self._precision
        return hits | (~exploited & (chance < wrong / max(1, honest)))

    def state_dict(self) -> dict[str, int]:
        """How many batches were given errors."""
        return {"batches": self._batches} if self._batches else {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after as many batches.

        Raises:
            DataError: the state is another gate's.
        """
        super().load_state_dict({name: value for name, value in state.items() if name != "batches"})
        self._batches = state.get("batches", 0)
