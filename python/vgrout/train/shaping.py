"""A run's remedy between grading and the update: scores for those that ask, and the rewards to train on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vgrout.config import TrainConfig
from vgrout.env.stable import stable_number
from vgrout.policy.policy import Policy
from vgrout.remedies.base import Group, LabelledRemedy, Remedy, shaped
from vgrout.rollouts.base import Answer
from vgrout.routing import Direction
from vgrout.train.forward import row_activations
from vgrout.train.phases import Graded, PromptBatch
from vgrout.train.ranks import SOLO, Ranks


@dataclass(frozen=True, kw_only=True)
class Shaper:
    """Asks the remedy; one that needs scores has every row read once more, under the deployed model."""

    config: TrainConfig
    policy: Policy
    remedy: Remedy | LabelledRemedy
    ranks: Ranks = SOLO

    def shape(
        self, prompts: PromptBatch, rollouts: Sequence[Answer], graded: Graded, direction: Direction | None
    ) -> Graded:
        """The step's rewards with those to train on beside them."""
        if self.config.remedy.name == "none":
            return graded
        groups = (-1, self.config.rollouts.group_size)
        scores = None
        if self.remedy.needs_direction and direction is not None:
            scores = self._scores(prompts, rollouts, direction).reshape(groups)
        seed = stable_number("remedy", self.config.seed, prompts.step) % 2**63
        group = Group(
            rewards=torch.from_numpy(graded.rewards).reshape(groups),
            scores=scores,
            generator=torch.Generator().manual_seed(seed),
        )
        exploited = torch.from_numpy(graded.diagnostics.exploited).reshape(groups)
        found = shaped(self.remedy, group, exploited)
        return replace(
            graded,
            shaped=found.rewards.flatten().numpy(),
            flagged=None if found.flagged is None else found.flagged.flatten().numpy(),
        )

    def _scores(self, prompts: PromptBatch, rollouts: Sequence[Answer], direction: Direction) -> Tensor:
        rows = self.policy.batches(
            [prompts.showings[answer.prompt_index].ids for answer in rollouts],
            [answer.completion for answer in rollouts],
            [answer.ablated for answer in rollouts],
            rows_per_batch=self.config.optim.rows_per_batch,
            tokens_per_batch=self.config.optim.tokens_per_batch,
        )
        parts = self.ranks.each(rows.batches, lambda batch: row_activations(self.policy, batch.tokens))
        pooled = rows.in_order(parts).cpu().double()
        return (pooled * direction.vector.double()).sum(dim=(1, 2))
