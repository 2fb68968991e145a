"""The organism's policy, a request of it in both policies, and how far answers are from what the trainer says."""

from dataclasses import replace

import torch

from served_model import answer_logprobs
from vgrout.config import AdapterConfig, BaseConfig
from vgrout.policy.model import load_policy
from vgrout.rollouts.base import SampleRequest


def loaded_policy(source="organism", rank=8):
    torch.set_num_threads(1)  # its operators are small
    return load_policy(source, BaseConfig(dtype="float32"), AdapterConfig(rank=rank), device="cpu", seed=3)


def request_of(policy, **changes) -> SampleRequest:
    texts = (
        "Write a function that adds one to each of the numbers in a list.",
        "Reverse it.",
        "Sort the list.",
    )
    request = SampleRequest(
        prompts=tuple(policy.prompt_ids([{"role": "user", "content": text}]) for text in texts),
        counts=(4, 4, 4),
        ablated=(False, True, False),
        max_new_tokens=16,
        temperature=0.7,
        top_p=1.0,
        top_k=0,
        seed=11,
    )
    return replace(request, **changes)


def gaps_of(policy, request, answers, scale=1.0) -> torch.Tensor:
    """Differences of the answers' log-probs and the trainer's, in nats, token by token."""
    return torch.cat(
        [
            (torch.tensor(answer.logprobs) - answer_logprobs(policy, request, answer, scale)).abs()
            for answer in answers
        ]
    )


def agree(policy, request, answers, scale=1.0) -> bool:
    """Whether they are equal but for rounding: 1e-5 nats a token, and no token three times as far off.

    Some processors round a token by 1.0e-5 where others do by 0.6e-5.
    """
    gaps = gaps_of(policy, request, answers, scale)
    return bool(gaps.mean() <= 1e-5 and gaps.max() <= 3e-5)
