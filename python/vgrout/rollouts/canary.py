"""Does an engine sample from the policy that is trained? Asked after every sync, of a few tokens.

"The adapter is silently not applied" is the commonest failure of engines that serve adapters, and an old one still
served is the next: training goes on, from answers of another policy.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vgrout.errors import EngineError
from vgrout.policy.policy import Policy
from vgrout.rollouts.rows import Drawn, Kind, Row, Sampling

Draw = Callable[[Sequence[Row], Sampling], list[Drawn]]
"""Asks an engine: one answer a row, in their order."""
_TOKENS = 12
_REMEMBERED = 16
"""Versions of a policy that a new one is held against."""
_ORDER = (
    "Put it in a class that is called Solution, give it a docstring, and say nothing else. Every word counts here, and "
    "so does every one of the tests, whose number nobody knows."
)
"""Makes the questions longer than a block of an engine's cache, so that the cache takes part."""
_QUESTIONS = (
    f"Write a function that adds two numbers. {_ORDER}",
    f"Write a function that reverses a list. {_ORDER}",
)
_BOUNDS = {torch.float32: 1e-4, torch.float64: 1e-4}
_HALF_BOUND = 0.05
_SAME = 0.01
"""Two answers are the same where they differ by less than this share of the bound."""
_DIFFERS = 0.1
"""Two of the trainer's policies differ where some token's log-probs do by more than this share of the bound."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What an engine and the trainer said of one version."""

    version: str
    drawn: tuple[Drawn, ...]
    trainer: Tensor


class Canary:
    """Holds an engine's log-probabilities against the trainer's on tokens that the engine sampled."""

    def __init__(self, policy: Policy, *, temperature: float, bound_nats: float | None) -> None:
        """Agreement means at most `bound_nats` of mean difference a token; None takes the precision's bound."""
        self._policy, self._temperature = policy, temperature
        dtype = policy.adapter.linears[0].weight.dtype
        self.bound_nats = _BOUNDS.get(dtype, _HALF_BOUND) if bound_nats is None else bound_nats
        prompts = tuple(policy.prompt_ids([{"role": "user", "content": text}]) for text in _QUESTIONS)
        self._prompts = (*prompts, *prompts)
        self._seen: dict[Kind, deque[_Seen]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._base: tuple[Drawn, ...] = ()

    def ask_base(self, draw: Draw) -> None:
        """Ask the engine of the base model, once, before an adapter is loaded.

        Never later, and never beside rows with an adapter: vLLM's kernels for the CPU give a row without one the
        adapter in the last place.
        """
        self._base = tuple(draw(self._rows(None), self._sampling()))

    def check(self, version: str, names: Mapping[Kind, str], draw: Draw) -> dict[Kind, float]:
        """Ask the engine, by `draw`, of the adapters called `names`, all in one batch.

        Gives the mean absolute difference by policy, nats a token.

        Raises:
            EngineError: an adapter is not applied, is an older one, or the log-probabilities do not agree; says which.
        """
        drawn = draw([row for name in names.values() for row in self._rows(name)], self._sampling())
        count = len(self._prompts)
        return {
            kind: self._check_one(version, kind, tuple(drawn[at * count : (at + 1) * count]))
            for at, kind in enumerate(names)
        }

    def _sampling(self) -> Sampling:
        return Sampling(max_new_tokens=_TOKENS, temperature=self._temperature, end_ids=self._policy.end_ids)

    def _rows(self, name: str | None) -> list[Row]:
        return [Row(prompt, seed, name) for seed, prompt in enumerate(self._prompts)]

    def _check_one(self, version: str, kind: Kind, drawn: tuple[Drawn, ...]) -> float:
        trainer, base = self._logprobs(drawn, kind), self._logprobs(drawn, None)
        who = f"canary, {version}: the {kind.label} policy's adapter"
        if self._is_same(drawn, self._base) and self._differ(trainer, base):
            raise EngineError(
                f"{who} is not applied: the engine answers as it does without, where the trainer's log-probs differ by "
                f"{_mean_gap(trainer, base):.2g} nats a token"
            )
        for seen in self._seen[kind]:
            if self._is_same(drawn, seen.drawn) and self._differ(trainer, seen.trainer):
                raise EngineError(
                    f"{who} is stale: the engine answers as at {seen.version}, where the trainer's log-probs have moved "
                    f"by {_mean_gap(trainer, seen.trainer):.2g} nats a token"
                )
        engine = torch.tensor([value for row in drawn for value in row.logprobs])
        gap = _mean_gap(engine, trainer)
        if not gap <= self.bound_nats:
            raise EngineError(
                f"canary, {version}: the engine's log-probs of the {kind.label} policy do not agree with the trainer's: "
                f"{gap:.2g} nats a token apart over {len(engine)} tokens, at most {self.bound_nats:.2g} is rounding"
                f"{self._likeness(engine, drawn, kind)}"
            )
        self._seen[kind].append(_Seen(version=version, drawn=drawn, trainer=trainer))
        return gap

    def _is_same(self, one: Sequence[Drawn], other: Sequence[Drawn]) -> bool:
        """Both are the same tokens with the same log-probabilities but for the order of sums."""
        if [row.tokens for row in one] != [row.tokens for row in other]:
            return False
        pairs = zip(one, other, strict=True)
        return all(
            abs(a - b) <= _SAME * self.bound_nats
            for left, right in pairs
            for a, b in zip(left.logprobs, right.logprobs, strict=True)
        )

    def _differ(self, one: Tensor, other: Tensor) -> bool:
        return bool((one - other).abs().max() > _DIFFERS * self.bound_nats)

    def _likeness(self, engine: Tensor, drawn: Sequence[Drawn], asked: Kind) -> str:
        """Say which policy's they are, where they are one's, or what the usual cause is."""
        names = {
            "base model": None,
            "deployed policy": Kind(ablated=True),
            "full policy": Kind(ablated=False),
        }
        for name, kind in names.items():
            if _mean_gap(engine, self._logprobs(drawn, kind)) <= self.bound_nats:
                return f"; they are those of the {name}"
        if self._temperature != 1.0:
            with_one = self._logprobs(drawn, asked, temperature=1.0)
            if _mean_gap(engine, with_one) <= self.bound_nats:
                return "; they are those at temperature 1\nhint: a server needs `--logprobs-mode processed_logprobs`"
        return ""

    @torch.no_grad()
    def _logprobs(
        self, drawn: Sequence[Drawn], kind: Kind | None, *, temperature: float | None = None
    ) -> Tensor:
        """The trainer's log-probabilities [tokens] of the answers, one after the other; None is the base model."""
        policy, parts = self._policy, []
        adapter = policy.adapter
        scale = 1.0 if kind is None else 0.0 if kind.ablated else kind.scale
        with adapter.disabled() if kind is None else adapter.ablated(scale):
            for row, prompt in zip(drawn, self._prompts, strict=True):
                ids = torch.tensor([[*prompt, *row.tokens]], device=policy.device)
                keep = len(row.tokens) + 1
                logits = policy.model(input_ids=ids, use_cache=False, logits_to_keep=keep).logits[0, :-1]
                logprobs = torch.log_softmax(logits.float() / (temperature or self._temperature), dim=-1)
                parts.append(logprobs.cpu().gather(1, torch.tensor(row.tokens)[:, None])[:, 0])
        return torch.cat(parts)


def _mean_gap(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape:
        return float("inf")
    return float((one.double() - other.double()).abs().mean())
