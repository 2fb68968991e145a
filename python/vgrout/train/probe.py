"""A few tokens through everything that a run does with its model, beside what the model says of them by itself.

What a model can do is not to be told from its name: whether its cache can be gone on from, whether it minds padding,
what it does to its logits after the head. So it is tried, before anything is sampled or written.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from vgrout.adapters import RouteMask
from vgrout.errors import ConfigError
from vgrout.grpo import completion_logprobs
from vgrout.policy.policy import Policy
from vgrout.policy.tokens import pad_rows
from vgrout.rollouts.base import RolloutEngine, SampleRequest
from vgrout.train.forward import row_activations, row_logprobs

_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_HALF_TOLERANCE = 0.15
"""Largest root mean square of the differences, as a share of the spread of the log-probs themselves."""
_HINT = "\nhint: docs/guides/models.md says what a model must be able to do"
_Ids = tuple[int, ...]


def check_model(policy: Policy, engine: RolloutEngine, *, activations: bool) -> None:
    """Refuse a model that `engine` cannot sample from, that cannot be trained, or whose log-probs are not its own.

    With `activations` those that a gate scores are tried as well.

    Raises:
        ConfigError: names the model, and what failed or by how much it differs.
    """
    if policy.model.base_model is policy.model:
        raise ConfigError(
            f"model: {_name(policy)} has no decoder without its head, which training reads{_HINT}"
        )
    prompts, answers = _rows(policy.vocabulary)
    with _trying(policy, "run"):
        own = [_own_logprobs(policy, *row) for row in zip(prompts, answers, strict=True)]
    spread = float(torch.cat(own).std())
    with _trying(policy, "scored"):
        headed = [_head_logprobs(policy, *row) for row in zip(prompts, answers, strict=True)]
    _compare(policy, "log-probs taken from its output head", headed, own, spread)
    with _trying(policy, "trained"):
        trained = _training_logprobs(policy, prompts, answers)
    _compare(policy, "log-probs of rows as training reads them", trained, own, spread)
    if activations:
        with _trying(policy, "scored by a gate"):
            row_activations(policy, pad_rows(prompts, answers, device=policy.device))
    with _trying(policy, "sampled from"):
        drawn = engine.sample(
            SampleRequest(
                prompts=(prompts[0], prompts[1]),
                counts=(2, 1),
                ablated=(False, True),
                max_new_tokens=6,
                temperature=1.0,
                top_p=1.0,
                top_k=0,
                seed=0,
            )
        )
        sampled = [torch.tensor(answer.logprobs) for answer in drawn]
        again = []
        for answer in drawn:
            with policy.adapter.ablated(0.0 if answer.ablated else 1.0):
                again.append(_own_logprobs(policy, prompts[answer.prompt_index], answer.completion))
    _compare(policy, "log-probs of the sampler", sampled, again, spread)


def _rows(vocabulary: int) -> tuple[list[_Ids], list[_Ids]]:
    """Prompts and answers, the first and third of one prompt, the second padded in front and behind."""
    ids = tuple((5 + 37 * place * place + 11 * place) % vocabulary for place in range(26))
    return [ids[:9], ids[9:13], ids[:9]], [ids[13:20], ids[20:23], ids[22:26]]


@contextmanager
def _trying(policy: Policy, what: str) -> Iterator[None]:
    """Give whatever the model's code raises as a reason why it cannot be used."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"model: {_name(policy)} cannot be {what} here: {reason}{_HINT}") from error


def _name(policy: Policy) -> str:
    return f"{policy.name} ({type(policy.model).__name__})"


def _compare(
    policy: Policy, what: str, found: Sequence[Tensor], own: Sequence[Tensor], spread: float
) -> None:
    gap = float((torch.cat(tuple(found)).cpu() - torch.cat(tuple(own))).square().mean().sqrt())
    bound = _TOLERANCE.get(policy.adapter.linears[0].weight.dtype, _HALF_TOLERANCE) * spread
    if not gap <= bound:
        raise ConfigError(
            f"model: {_name(policy)}: {what} are {gap:.2g} nats off the model's own, at most {bound:.2g} is rounding{_HINT}"
        )


@torch.no_grad()
def _own_logprobs(policy: Policy, prompt: _Ids, answer: _Ids) -> Tensor:
    """From the model's own logits of one row alone."""
    ids = torch.tensor([[*prompt, *answer]], device=policy.device)
    logits = policy.model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float().cpu()
    return torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(answer)[:, None])[:, 0]


@torch.no_grad()
def _head_logprobs(policy: Policy, prompt: _Ids, answer: _Ids) -> Tensor:
    """From the final hidden states of one row alone."""
    ids = torch.tensor([[*prompt, *answer]], device=policy.device)
    columns = torch.ones(1, len(answer), dtype=torch.bool, device=policy.device)
    return completion_logprobs(policy.model, ids, None, columns)[0].float()


def _training_logprobs(policy: Policy, prompts: Sequence[_Ids], answers: Sequence[_Ids]) -> list[Tensor]:
    """As training reads rows, with a backward through it that leaves nothing behind."""
    tokens = pad_rows(prompts, answers, device=policy.device)
    mask = RouteMask.sampled(torch.zeros(len(prompts), dtype=torch.bool)).to(policy.device)
    logprobs = row_logprobs(policy, tokens, mask, temperature=1.0)
    torch.autograd.backward(logprobs.sum())
    gradients = [parameter.grad for parameter in policy.adapter.parameters() if parameter.grad is not None]
    if not all(bool(gradient.isfinite().all()) for gradient in gradients):
        raise ConfigError("its gradients are not finite")
    for parameter in policy.adapter.parameters():
        parameter.grad = None
    return [row[: len(answer)].detach().float() for row, answer in zip(logprobs, answers, strict=True)]
