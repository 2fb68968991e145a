"""routeV reads what autograd says of a factor on each column of the deployed block, and routes by it."""

# ruff: noqa: F811 - fixtures of another file

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from test_train_forward import batch_of, policy  # noqa: F401 - a fixture

from adapter_models import mask_of
from tiny import tiny_config, tiny_run
from vgrout.adapters import RouteMask
from vgrout.artifacts import METRICS, read_records
from vgrout.config import validate
from vgrout.grpo import completion_logprobs
from vgrout.policy.recompute import enable_recomputing
from vgrout.train.forward import row_gradients

pytestmark = pytest.mark.gate


@contextmanager
def factors(policy, first):
    """Factors [M, r] of 1 on the deployed block's columns of A x, from the `first` position on."""
    rank, made = policy.adapter.rank, []
    handles = []
    for layer, linear in zip(policy.adapter.layers, policy.adapter.linears, strict=True):
        weights = layer.weights()
        down, up = weights["a"][:rank], (weights["b0_t"] + weights["delta_b_t"])[:rank]
        factor = torch.ones(rank, dtype=down.dtype, requires_grad=True)
        made.append(factor)

        def scale(_module, args, output, down=down, up=up, factor=factor):
            extra = (args[0] @ down.T * (factor - 1)) @ up
            return output + torch.cat([torch.zeros_like(extra[:, :first]), extra[:, first:]], dim=1)

        handles.append(linear.register_forward_hook(scale))
    yield made
    for handle in handles:
        handle.remove()


def by_autograd(policy, prompt, completion):
    ids = torch.tensor([[*prompt, *completion]])
    with factors(policy, len(prompt)) as made, policy.adapter.routing(RouteMask.keep(1, policy.device)):
        mask = torch.ones(1, len(completion), dtype=torch.bool)
        logprobs = completion_logprobs(policy.model, ids, None, mask)
        return torch.stack(torch.autograd.grad(logprobs.mean(), made))


@pytest.mark.parametrize("checkpoints", [False, True])
def test_gradients_are_autograds_own(policy, checkpoints):
    if checkpoints:
        enable_recomputing(policy.model, "tiny")
    policy = replace(policy, checkpoints=checkpoints)
    tokens = batch_of()
    found = row_gradients(policy, tokens)
    assert all(parameter.grad is None for parameter in policy.adapter.parameters())
    for row, place in enumerate(tokens.row_of.tolist()):
        prompt = tokens.prompt_of[place]
        ids = tokens.prompts.input_ids[prompt][tokens.prompts.attention_mask[prompt]].tolist()
        completion = tokens.completions[place][tokens.token_mask[place]].tolist()
        if len(completion) == 1:
            assert not found[row].any()
            continue
        wanted = by_autograd(policy, ids, completion)
        torch.testing.assert_close(found[row].double(), wanted, rtol=1e-4, atol=1e-7)
        assert wanted.abs().max() > 1e-3
    some = torch.tensor([3, 0])
    torch.testing.assert_close(row_gradients(policy, tokens, some), found[some])


def test_completions_of_one_token_pull_at_nothing(policy):
    tokens = batch_of(((0, (5,), "k"), (1, (6,), "k")))
    assert not row_gradients(policy, tokens).any()


def test_a_run_routes_by_gradients(tmp_path):
    run = tiny_run(tiny_config(tmp_path / "run", intervention="routeV", optim__lr=1e-3))
    rows = list(read_records(run.run_dir / "metrics.jsonl", METRICS))
    assert rows[-1]["threshold_low"] < rows[-1]["threshold_high"]
    assert sum(row["zone_rout"] for row in rows) > 0
    other = tiny_run(tiny_config(tmp_path / "other", intervention="routeA", optim__lr=1e-3))
    of_other = list(read_records(other.run_dir / "metrics.jsonl", METRICS))
    assert rows[0]["score_percentiles"] != of_other[0]["score_percentiles"]


def test_gradients_have_their_placebo(tmp_path):
    validate(tiny_config(tmp_path, intervention="routeV", routeA_random_v_seed=3))


def test_masks_are_left_as_they_were(policy):
    tokens = batch_of()
    with policy.adapter.routing(mask_of("kkkkkkk")):
        before = policy.adapter._masks
        row_gradients(policy, tokens)
        assert policy.adapter._masks is before
