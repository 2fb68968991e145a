"""The organism's policy, a request of it in both policies, and what the trainer says of the answers."""

from dataclasses import replace

import torch

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


def trainer_logprobs(policy, request, answer, scale=1.0):
    """Of the whole vocabulary [L, V], of one row alone."""
    prompt = request.prompts[answer.prompt_index]
    ids = torch.tensor([[*prompt, *answer.completion]])
    with torch.no_grad(), policy.adapter.ablated(0.0 if answer.ablated else scale):
        logits = policy.model(ids).logits[0, len(prompt) - 1 : -1] / request.temperature
    return logits.log_softmax(-1)


def gap_of(policy, request, answers, scale=1.0) -> float:
    gaps = []
    for answer in answers:
        expected = trainer_logprobs(policy, request, answer, scale)
        expected = expected.gather(1, torch.tensor(answer.completion)[:, None])[:, 0]
        gaps.append((torch.tensor(answer.logprobs) - expected).abs().max())
    return float(torch.stack(gaps).max())
