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


def gap_of(policy, request, answers, scale=1.0) -> float:
    """Largest difference of an answer's log-probs and the trainer's, in nats."""
    gaps = [
        (torch.tensor(answer.logprobs) - answer_logprobs(policy, request, answer, scale)).abs().max()
        for answer in answers
    ]
    return float(torch.stack(gaps).max())
