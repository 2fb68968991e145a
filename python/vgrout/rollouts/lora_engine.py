"""What engines that serve adapters have in common: publish after a sync, ask the canary, sample both policies at once."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from vgrout.config import RolloutConfig
from vgrout.errors import ConfigError
from vgrout.policy.policy import Policy
from vgrout.rollouts.base import Rollouts, SampleRequest
from vgrout.rollouts.canary import Canary
from vgrout.rollouts.rows import Adapter, Drawn, Kind, Row, Sampling, answers_of, kinds_of, rows_of
from vgrout.rollouts.served import AdapterStore, perturbed

log = logging.getLogger(__name__)
LARGEST_RANK = 512
"""Largest LoRA that vLLM serves."""
COLDEST = 0.01
"""Below it vLLM draws the most probable token."""


class Backend(Protocol):
    """Whatever serves the adapters."""

    def load(self, adapter: Adapter) -> None:
        """Serve `adapter` from now on."""
        ...

    def unload(self, adapter: Adapter) -> None:
        """Serve it no longer."""
        ...

    def generate(
        self, rows: Sequence[Row], sampling: Sampling, progress: Callable[[int], None] | None
    ) -> list[Drawn]:
        """One answer a row, in their order."""
        ...

    def rest(self) -> None:
        """Nothing is asked for a while: leave the accelerator to the trainer."""
        ...

    def close(self) -> None:
        """Release everything; a second call does nothing."""
        ...


class LoraEngine:
    """A `RolloutEngine` that exports the adapter to a `Backend` at every sync.

    A policy is exported, loaded and asked of the canary when it is first sampled from after a sync, so that an arm
    whose groups all come from one policy pays for one.
    """

    rows_together: int | None = None

    def __init__(self, policy: Policy, config: RolloutConfig, backend: Backend, folder: Path) -> None:
        """Own `backend` from now on; `folder` holds the exports, and `backend` removes it.

        Raises:
            EngineError: the engine does not sample from adapters as the trainer has them.
        """
        self._policy, self._backend = policy, backend
        self._store = AdapterStore(policy.adapter, folder)
        self._canary = Canary(policy, temperature=config.temperature, bound_nats=config.canary_nats)
        self._served: dict[Kind, Adapter] = {}
        self._outdated: dict[Kind, Adapter] = {}
        self._version = "set-up"
        try:
            self._try_out()
        except BaseException:
            self.close()
            raise

    def _try_out(self) -> None:
        """Serve both policies with made-up weights in every module: a new adapter would show nothing."""
        self._canary.ask_base(self._draw)
        with perturbed(self._policy.adapter):
            self._publish([Kind(ablated=False), Kind(ablated=True)])
        self._outdated, self._served = self._served, {}

    def sync(self, step: int) -> None:
        """Sample from the weights as they are now, at the start of the `step`-th step.

        A validation has asked for the same ones before, and what is served is theirs.
        """
        if self._version == f"step {step}":
            return
        self._version = f"step {step}"
        self._outdated |= self._served
        self._served = {}

    def sample(self, request: SampleRequest, progress: Callable[[int], None] | None = None) -> Rollouts:
        """Answers prompt by prompt, each prompt's together, in the request's order.

        Raises:
            EngineError: the engine is gone, or the canary says that it samples from something else.
        """
        if request.temperature < COLDEST:
            raise ConfigError(
                f"temperature: {request.temperature} is below the {COLDEST} under which vLLM takes the most probable token"
            )
        kinds = kinds_of(request)
        needed = {kind for kind, count in zip(kinds, request.counts, strict=True) if count}
        self._publish(sorted(needed - self._served.keys()))
        names = [self._served[kind].name if kind in needed else "" for kind in kinds]
        sampling = Sampling(
            max_new_tokens=request.max_new_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            end_ids=self._policy.end_ids,
        )
        rows = rows_of(request, names)
        drawn = self._backend.generate(rows, sampling, progress) if rows else []
        if progress is not None:
            progress(len(rows))
        self._backend.rest()
        return answers_of(request, drawn, self._policy.end_ids)

    def close(self) -> None:
        """Stop the engine and remove what was exported; a second call does nothing."""
        self._backend.close()

    def _publish(self, kinds: Iterable[Kind]) -> None:
        """Serve today's weights of these policies, and ask the canary before anything is made of them."""
        new = {kind: self._store.publish(kind, self._version.replace(" ", "-")) for kind in kinds}
        if not new:
            return
        for kind, adapter in new.items():
            old = self._outdated.pop(kind, None)
            if old is not None:
                self._backend.unload(old)
                self._store.remove(old)
            self._backend.load(adapter)
        self._served |= new
        gaps = self._canary.check(self._version, {kind: new[kind].name for kind in new}, self._draw)
        log.debug(
            "canary, %s: %s",
            self._version,
            ", ".join(f"{kind.label} {gap:.2g} nats a token" for kind, gap in gaps.items()),
        )

    def _draw(self, rows: Sequence[Row], sampling: Sampling) -> list[Drawn]:
        return self._backend.generate(rows, sampling, None)


def served_rank(policy: Policy) -> int:
    """Rank of the full policy's LoRA.

    Raises:
        ConfigError: vLLM serves none as large.
    """
    rank = 4 * policy.adapter.rank
    if rank > LARGEST_RANK:
        raise ConfigError(
            f"adapter.rank: {policy.adapter.rank} makes a LoRA of rank {rank}, and vLLM serves at most {LARGEST_RANK}"
            f"\nhint: at most `--adapter.rank {LARGEST_RANK // 4}`, or `--rollouts.engine hf`"
        )
    return rank


def check_version(found: str | None, who: str, *, missing: str) -> None:
    """The vLLM version is one that this engine knows.

    Raises:
        ConfigError: it is another, or there is none; `missing` then says what to do.
    """
    if found is None:
        raise ConfigError(missing)
    release = tuple(int(part) for part in found.split("+")[0].split(".")[:2] if part.isdigit())
    if not (0, 32) <= release < (0, 34):
        raise ConfigError(f"rollouts.engine: {who} is vLLM {found}, expected {VERSIONS}")


VERSIONS = ">=0.32,<0.34"
"""Of vLLM, as in the extra `vgrout[vllm]`."""
