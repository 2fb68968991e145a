"""A request of the trainer as rows that a serving engine understands, and its answers back. No torch, no vLLM."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vgrout.env.stable import stable_number
from vgrout.rollouts.base import Answer, Rollouts, SampleRequest


class Kind(NamedTuple):
    """Which policy: ablated, or with the quarantine's contribution times `scale`."""

    ablated: bool
    scale: float = 1.0

    @property
    def label(self) -> str:
        """`deployed`, `full`, or `scaled`."""
        return "deployed" if self.ablated else "full" if self.scale == 1.0 else "scaled"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One version of one policy as an engine serves it."""

    name: str
    """Never used again: engines key their caches of prompts on it."""
    number: int
    """Counts the adapters of a run from 1."""
    path: str
    """Folder of a standard LoRA."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What is the same for all rows of a call."""

    max_new_tokens: int
    temperature: float
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps all."""
    end_ids: tuple[int, ...]

    @property
    def cuts(self) -> bool:
        """The distribution is cut before a token is drawn."""
        return self.top_p < 1.0 or self.top_k > 0


class Row(NamedTuple):
    """One answer that is asked for."""

    prompt: tuple[int, ...]
    seed: int
    adapter: str | None
    """Name of an `Adapter`; None is the base model."""


class Drawn(NamedTuple):
    """One answer that an engine gave."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Log-probability of each token at the temperature, before the cut, in nats."""
    cut_nats: float | None
    """What the cut added to the log-probability of the whole, in nats; None where the engine does not say."""


def kinds_of(request: SampleRequest) -> list[Kind]:
    """The policy of each prompt."""
    return [Kind(ablated, 1.0 if ablated else request.quarantine_scale) for ablated in request.ablated]


def rows_of(request: SampleRequest, adapters: Sequence[str]) -> list[Row]:
    """One row an answer, prompt by prompt; `adapters` names each prompt's.

    Every row has a seed of its own, so that an answer does not depend on the rows beside it (but for rounding).
    """
    owners = [index for index, count in enumerate(request.counts) for _ in range(count)]
    return [
        Row(
            request.prompts[owner],
            stable_number("row", request.seed, request.first_row + place) % 2**63,
            adapters[owner],
        )
        for place, owner in enumerate(owners)
    ]


def answers_of(request: SampleRequest, drawn: Sequence[Drawn], end_ids: Collection[int]) -> Rollouts:
    """Answers in the request's order, of rows in the same order."""
    owners = [index for index, count in enumerate(request.counts) for _ in range(count)]
    return tuple(
        Answer(
            prompt_index=owner,
            completion=row.tokens,
            logprobs=row.logprobs,
            ablated=request.ablated[owner],
            truncated=row.tokens[-1] not in end_ids,
            cut_nats=row.cut_nats,
        )
        for owner, row in zip(owners, drawn, strict=True)
    )
