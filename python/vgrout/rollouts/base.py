"""What the trainer asks of a rollout engine, and what it gets back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from vgrout.errors import ShapeError

POLICY, TEACHER_HACK, TEACHER_SOLVE = "policy", "teacher_hack", "teacher_solve"


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """How many answers to draw to which prompts, and by which policy."""

    prompts: tuple[tuple[int, ...], ...]
    """Token ids of each of the P prompts."""
    counts: tuple[int, ...]
    """Answers to each; zero is allowed."""
    ablated: tuple[bool, ...]
    """Whether a prompt's answers are drawn with the quarantine ablated: a group comes from one policy."""
    max_new_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int
    """Two equal requests give equal answers."""
    first_row: int = 0
    """Answers that stand before these in a larger request: the i-th draws the random numbers of place first_row + i, so
    that an answer is the same in whatever parts a request is drawn."""
    quarantine_scale: float = 1.0
    """Factor of the quarantine's contribution in rows that are not ablated."""

    def __post_init__(self) -> None:
        if not len(self.prompts) == len(self.counts) == len(self.ablated):
            raise ShapeError(
                f"sample request: {len(self.prompts)} prompts, {len(self.counts)} counts and "
                f"{len(self.ablated)} policies, expected as many of each"
            )

    def part(self, start: int, end: int) -> "SampleRequest":
        """The request for the prompts from `start` up to `end`, whose answers are those that the whole would have."""
        return replace(
            self,
            prompts=self.prompts[start:end],
            counts=self.counts[start:end],
            ablated=self.ablated[start:end],
            first_row=self.first_row + sum(self.counts[:start]),
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One rollout."""

    prompt_index: int
    """Place of its prompt in the request."""
    completion: tuple[int, ...]
    """Token ids, the end token included."""
    logprobs: tuple[float, ...]
    """Log-probability of each token at the sampling temperature, before top-p and top-k cut the distribution,
    in nats; empty where the answer was not sampled."""
    ablated: bool
    """It belongs to the policy without quarantine."""
    source: str = POLICY
    """`policy`, `teacher_hack` or `teacher_solve`."""
    truncated: bool = False
    """It reached the token limit without ending."""
    cut_nats: float | None = None
    """By how much top-p and top-k raised the probability of the whole answer, in nats; None where nobody says."""


Rollouts = tuple[Answer, ...]
"""B answers prompt by prompt, ragged: they are padded where a forward needs it (`tokens.batch_rows`)."""


class RolloutEngine(Protocol):
    """Draws answers from the current policy."""

    rows_together: int | None
    """Answers that it draws at a time; None where it takes what it is asked for at once, and best so."""

    def sample(self, request: SampleRequest, progress: Callable[[int], None] | None = None) -> Rollouts:
        """Answers prompt by prompt, each prompt's together, in the request's order.

        `progress` is told now and then how many answers there are.
        """
        ...

    def sync(self, step: int) -> None:
        """Sample from the weights as they are now, at the start of the `step`-th step."""
        ...

    def close(self) -> None:
        """Release what the engine holds; a second call does nothing."""
        ...
