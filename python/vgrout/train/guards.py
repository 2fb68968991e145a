"""Guards that stop a run whose numbers mean nothing any more."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from vgrout.adapters import RouteMask
from vgrout.errors import Diverged
from vgrout.policy.policy import Policy
from vgrout.policy.tokens import MicroBatch, RowBatches
from vgrout.train.forward import row_logprobs
from vgrout.train.ranks import SOLO, Ranks


@dataclass
class DivergenceGuard:
    """Watches the log-probability of fixed demonstrations: a collapsed policy cannot have it high.

    The mean log-probability per token may fall `drop_nats` below its best for fewer than `patience` steps in a row.
    """

    drop_nats: float
    patience: int
    best: float | None = None
    """Highest value so far, nats a token."""
    steps_below: int = 0
    """Consecutive steps below the bound."""

    def check(self, logprob: float | None) -> None:
        """Take note of a step's value; None is a step that measured none.

        Raises:
            Diverged: the fall lasted too long, or the value is not a number.
        """
        if logprob is None:
            return
        if math.isfinite(logprob):
            self.best = max(logprob, self.best if self.best is not None else logprob)
        fallen = self.best is None or not logprob >= self.best - self.drop_nats
        self.steps_below = self.steps_below + 1 if fallen else 0
        if self.steps_below >= self.patience or not math.isfinite(logprob):
            raise Diverged(
                f"divergence: the log-probability of fixed demonstrations is {logprob:.2f} nats a token, more than "
                f"{self.drop_nats:g} below its best of {self.best} for {self.steps_below} steps"
                "\nhint: lower `--optim.lr` or raise `--loss.kl-beta`"
            )

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"best": self.best, "steps_below": self.steps_below}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`'s value."""
        self.best, self.steps_below = state["best"], state["steps_below"]


class DemonstrationWatch:
    """Measures what `DivergenceGuard` watches."""

    def __init__(self, policy: Policy, rows: RowBatches | None, ranks: Ranks = SOLO) -> None:
        """Watch `rows`; None watches nothing."""
        self._policy = policy
        self._rows = rows
        self._ranks = ranks

    def measure(self) -> float | None:
        """Mean log-probability per token under the policy that the rows name, in nats."""
        if self._rows is None:
            return None
        total = tokens = 0.0
        for batch_total, batch_tokens in self._ranks.each(self._rows.batches, self._measure_batch):
            total += batch_total
            tokens += batch_tokens
        return total / tokens

    @torch.no_grad()
    def _measure_batch(self, batch: MicroBatch) -> tuple[float, float]:
        """Sum of the log-probabilities, and how many tokens they are of."""
        mask = RouteMask.sampled(batch.ablated).to(self._policy.device)
        logprobs = row_logprobs(self._policy, batch.tokens, mask, temperature=1.0)
        return float(logprobs.double().sum()), float(batch.tokens.completion_mask.sum())
