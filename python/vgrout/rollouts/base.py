"""What the trainer asks of a rollout engine, and what it gets back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

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

    def __post_init__(self) -> None:
        if not len(self.prompts) == len(self.counts) == len(self.ablated):
            raise ShapeError(
                f"sample request: {len(self.prompts)} prompts, {len(self.counts)} counts and "
                f"{len(self.ablated)} policies, expected as many of each"
            )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One row of `Rollouts` without padding."""

    prompt_index: int
    completion: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Empty where the row was not sampled."""
    ablated: bool
    source: str = POLICY
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """B answers with the policy that each came from. Tensors live on the CPU."""

    prompt_index: tuple[int, ...]
    """Place of each row's prompt in the request."""
    completion_ids: Int[Tensor, "B L"]
    """Answer tokens, the end token included, padded on the right."""
    completion_mask: Bool[Tensor, "B L"]
    """True on the answer's real tokens."""
    sampler_logprobs: Float[Tensor, "B L"]
    """Log-probability of each token at the sampling temperature, before top-p and top-k cut the distribution,
    in nats; NaN on rows that were not sampled and on padding."""
    ablated: Bool[Tensor, "B"]
    """The row belongs to the policy without quarantine."""
    source: tuple[str, ...]
    """`policy`, `teacher_hack` or `teacher_solve`."""
    truncated: Bool[Tensor, "B"]
    """The answer reached the token limit without ending."""

    def __len__(self) -> int:
        return len(self.source)

    def answer(self, row: int) -> Answer:
        """One row without padding."""
        mask = self.completion_mask[row]
        return Answer(
            prompt_index=self.prompt_index[row],
            completion=tuple(self.completion_ids[row][mask].tolist()),
            logprobs=tuple(self.sampler_logprobs[row][mask].tolist()) if self.source[row] == POLICY else (),
            ablated=bool(self.ablated[row]),
            source=self.source[row],
            truncated=bool(self.truncated[row]),
        )


def collect(answers: list[Answer]) -> Rollouts:
    """Pad answers into `Rollouts`, in the order given."""
    width = max((len(answer.completion) for answer in answers), default=0)
    ids = torch.zeros(len(answers), width, dtype=torch.long)
    mask = torch.zeros(len(answers), width, dtype=torch.bool)
    logprobs = torch.full((len(answers), width), torch.nan)
    for row, answer in enumerate(answers):
        length = len(answer.completion)
        ids[row, :length] = torch.tensor(answer.completion, dtype=torch.long)
        mask[row, :length] = True
        logprobs[row, : len(answer.logprobs)] = torch.tensor(answer.logprobs)
    return Rollouts(
        prompt_index=tuple(answer.prompt_index for answer in answers),
        completion_ids=ids,
        completion_mask=mask,
        sampler_logprobs=logprobs,
        ablated=torch.tensor([answer.ablated for answer in answers], dtype=torch.bool),
        source=tuple(answer.source for answer in answers),
        truncated=torch.tensor([answer.truncated for answer in answers], dtype=torch.bool),
    )


class RolloutEngine(Protocol):
    """Draws answers from the current policy."""

    def sample(self, request: SampleRequest, progress: Callable[[int], None] | None = None) -> Rollouts:
        """Answers prompt by prompt, each prompt's together, in the request's order.

        `progress` is told now and then how many answers there are.
        """
        ...
