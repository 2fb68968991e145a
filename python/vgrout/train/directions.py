"""Where the gate's direction comes from: the contrast pairs, again every few steps, or one random draw."""

from collections.abc import Sequence

from torch import Tensor

from vgrout.env.pairs import ContrastPair
from vgrout.policy.policy import Policy
from vgrout.routing import (
    Direction,
    Feature,
    direction_from_activations,
    haar_direction,
    measure_direction,
)
from vgrout.train.forward import row_activations, row_gradients
from vgrout.train.ranks import SOLO, Ranks

PairTokens = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Token ids of a pair's prompt, hack and clean completion."""


def pair_tokens(pairs: Sequence[ContrastPair], policy: Policy) -> tuple[PairTokens, ...]:
    """Put the pairs into tokens, end tokens included.

    Raises:
        DataError: a pair does not fit the context; names the pair and the lengths.
    """
    tokens = []
    for pair in pairs:
        hack, clean = ((*policy.encode(text), policy.end_ids[0]) for text in (pair.hack, pair.clean))
        prompt = policy.fit_prompt(
            pair.messages,
            who=f"contrast pair {pair.id}",
            max_prompt=policy.context_tokens,
            max_new=max(len(hack), len(clean)),
        )
        tokens.append((prompt, hack, clean))
    return tuple(tokens)


class DirectionSource:
    """Measures the pairs' activations under the current weights and makes the gate's direction of them."""

    def __init__(
        self,
        policy: Policy,
        pairs: Sequence[PairTokens],
        *,
        random_seed: int | None,
        refresh_every: int,
        rows_per_batch: int,
        ranks: Ranks = SOLO,
        feature: Feature = "activations",
    ) -> None:
        """Extract from `pairs`; with a `random_seed` the vector is that one Haar draw for the whole run."""
        self._policy = policy
        self._pairs = pairs
        self._random_seed = random_seed
        self._refresh_every = refresh_every
        self._rows_per_batch = rows_per_batch
        self._ranks = ranks
        self._read = row_gradients if feature == "gradients" else row_activations

    def due(self, step: int) -> bool:
        """Whether the `step`-th step, counted from 1, begins with an extraction."""
        return (step - 1) % self._refresh_every == 0

    def extract(self) -> Direction:
        """Give the direction under the current weights, with its figures on the pairs.

        The placebo keeps its vector; only its figures are measured again.
        """
        hack, clean = self._activations(1), self._activations(2)
        if self._random_seed is None:
            return direction_from_activations(hack, clean)
        adapter = self._policy.adapter
        drawn = haar_direction(len(adapter.module_names), adapter.rank, self._random_seed)
        return measure_direction(drawn.vector, hack, clean)

    def _activations(self, side: int) -> Tensor:
        """What the gate reads [N, M, r] of one side of every pair."""
        rows = self._policy.batches(
            [pair[0] for pair in self._pairs],
            [pair[side] for pair in self._pairs],
            [True] * len(self._pairs),
            rows_per_batch=self._rows_per_batch,
            lengths=[sum(map(len, pair)) for pair in self._pairs],
        )
        parts = self._ranks.each(rows.batches, lambda batch: self._read(self._policy, batch.tokens))
        return rows.in_order(parts).cpu()
