"""Reading each prompt and each equal row once changes neither values nor gradients."""

from dataclasses import replace

import pytest
import torch

from adapter_models import gradients, mask_of, randomise, tiny_qwen3
from vgrout.adapters import Lora2r
from vgrout.grpo import completion_logprobs_and_entropy
from vgrout.policy.policy import Policy
from vgrout.policy.recompute import enable_recomputing
from vgrout.policy.tokens import batch_rows, pad_rows
from vgrout.routing import pooled_activations
from vgrout.train.forward import (
    row_activations,
    row_logprobs,
    row_logprobs_and_activations,
    row_logprobs_and_entropy,
)

pytestmark = pytest.mark.gate

PROMPTS = ((11, 12, 13, 14, 15), (21, 22), (31, 32, 33, 34, 35, 36, 37))
ROWS = (
    # place of the prompt, completion, zone; the first and third rows are equal, the second is so but for its zone
    (0, (5, 6, 7), "k"),
    (0, (5, 6, 7), "r"),
    (0, (5, 6, 7), "k"),
    (1, (5, 6, 7), "k"),
    (2, (9,), "a"),
    (1, (8, 9, 8, 9, 8, 9), "r"),
    (2, (9, 9), "r"),
)
ZONES = "".join(zone for _, _, zone in ROWS)


@pytest.fixture
def policy(monkeypatch):
    """A double-precision model, its norms too: transformers rounds those to fp32."""
    model = tiny_qwen3()
    for module in model.modules():
        if type(module).__name__ == "Qwen3RMSNorm":
            monkeypatch.setattr(module, "forward", exact_norm(module))
    adapter = Lora2r.attach(model, r=3, seed=5)
    randomise(adapter)
    return Policy(
        name="tiny",
        model=model.eval(),
        adapter=adapter,
        tokenizer=None,
        device=torch.device("cpu"),
        context_tokens=64,
        end_ids=(1,),
        pad_id=0,
    )


def exact_norm(module):
    def norm(x):
        return module.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + module.variance_epsilon)

    return norm


@pytest.fixture
def recomputed(policy):
    """The same policy, whose blocks keep their inputs alone."""
    enable_recomputing(policy.model, "tiny")
    return replace(policy, checkpoints=True)


def batch_of(rows=ROWS):
    return pad_rows(
        [PROMPTS[prompt] for prompt, _, _ in rows],
        [completion for _, completion, _ in rows],
        device=torch.device("cpu"),
    )


def alone(prompt, completion):
    """One row by itself: token ids and where its completion lies."""
    ids = torch.tensor([[*PROMPTS[prompt], *completion]])
    return ids, torch.arange(ids.shape[1])[None] >= len(PROMPTS[prompt])


def test_recomputed_blocks_change_neither_values_nor_gradients(policy, recomputed):
    tokens, found = batch_of(), []
    weights = torch.linspace(-1.0, 1.5, 7 * 6, dtype=torch.float64).reshape(7, 6)
    kept: list[int] = []
    for each in (policy, recomputed):
        kept.append(0)

        def count(tensor):
            kept[-1] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            logprobs, entropy = row_logprobs_and_entropy(each, tokens, mask_of(ZONES), temperature=0.7)
        (logprobs * weights).sum().backward()
        found.append((logprobs.detach(), entropy, gradients(each.adapter)))
        for parameter in each.adapter.parameters():
            parameter.grad = None
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-12)
    assert kept[1] < kept[0] / 3, "activations are kept after all"
    assert not any(module.training for module in policy.model.modules())


def test_forwards_without_gradient_share_prompts_also_where_blocks_recompute(policy, recomputed):
    tokens = batch_of()
    with torch.no_grad():
        first, second = (
            row_logprobs(each, tokens, mask_of(ZONES), temperature=0.7) for each in (policy, recomputed)
        )
    assert torch.equal(first, second)


def test_values_and_gradients_are_those_of_the_rows_read_one_by_one(policy):
    tokens = batch_of()
    assert (len(tokens.prompts.input_ids), len(tokens.completions), len(tokens.row_of)) == (3, 5, 7)
    weights = torch.linspace(-1.0, 1.5, 7 * 6, dtype=torch.float64).reshape(7, 6)
    logprobs, entropy = row_logprobs_and_entropy(policy, tokens, mask_of(ZONES), temperature=0.7)
    (logprobs * weights).sum().backward()
    shared = gradients(policy.adapter)
    summed = {name: torch.zeros_like(grad) for name, grad in shared.items()}
    for row, (prompt, completion, zone) in enumerate(ROWS):
        ids, columns = alone(prompt, completion)
        with policy.adapter.routing(mask_of(zone)):
            solo, solo_entropy = completion_logprobs_and_entropy(
                policy.model, ids, None, columns, temperature=0.7
            )
            (solo[0] * weights[row, : len(completion)]).sum().backward()
        torch.testing.assert_close(logprobs[row, : len(completion)], solo[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(entropy[row, : len(completion)], solo_entropy[0], rtol=0, atol=1e-12)
        assert not logprobs[row, len(completion) :].any()
        assert not entropy[row, len(completion) :].any()
        for name, grad in gradients(policy.adapter).items():
            summed[name] += grad
    for name, grad in shared.items():
        torch.testing.assert_close(grad, summed[name], rtol=0, atol=1e-12)
    assert any(bool(grad.any()) for grad in shared.values())


def test_equal_rows_of_other_zones_have_their_own_values(policy):
    with torch.no_grad():
        logprobs = row_logprobs(policy, batch_of(), mask_of(ZONES), temperature=1.0)
    assert torch.equal(logprobs[0], logprobs[2])
    assert not torch.allclose(logprobs[0], logprobs[1], atol=1e-3)  # quarantine off, on
    assert not torch.allclose(logprobs[0], logprobs[3], atol=1e-3)  # another prompt


def test_without_a_mask_the_base_alone_is_read(policy):
    with torch.no_grad():
        logprobs = row_logprobs(policy, batch_of(), None, temperature=1.0)
    policy.adapter.detach()
    for row, (prompt, completion, _) in enumerate(ROWS):
        ids, columns = alone(prompt, completion)
        solo = completion_logprobs_and_entropy(policy.model, ids, None, columns)[0][0].detach()
        torch.testing.assert_close(logprobs[row, : len(completion)], solo, rtol=0, atol=1e-12)


def test_activations_are_those_of_the_rows_read_one_by_one(policy):
    tokens = batch_of()
    logprobs, sampled = row_logprobs_and_activations(policy, tokens, mask_of("k" * 7), temperature=1.0)
    pooled = row_activations(policy, tokens)
    assert torch.equal(sampled, pooled)
    with torch.no_grad():
        again = row_logprobs(policy, tokens, mask_of("k" * 7), temperature=1.0)
    torch.testing.assert_close(logprobs, again, rtol=0, atol=1e-12)
    for row, (prompt, completion, _) in enumerate(ROWS):
        ids, columns = alone(prompt, completion)
        solo = pooled_activations(policy.model, policy.adapter, ids, columns)
        torch.testing.assert_close(pooled[row], solo[0], rtol=0, atol=1e-6)  # pooled in fp32
    some = torch.tensor([6, 1])
    torch.testing.assert_close(row_activations(policy, tokens, some), pooled[some], rtol=0, atol=1e-6)


def test_the_mask_of_a_shared_prompt_is_its_rows(policy):
    """A frozen row beside a trained one of the same prompt: neither's gradient reaches the other's block."""
    rows = ((0, (5, 6), "r"), (0, (8, 9), "k"))
    logprobs = row_logprobs(policy, batch_of(rows), mask_of("rk"), temperature=1.0)
    logprobs[0].sum().backward()
    grads = policy.adapter.blocks()
    assert not any(bool(parameter.grad.any()) for parameter in grads["deployed"])
    assert any(bool(parameter.grad.any()) for parameter in grads["quarantine"])


@pytest.mark.parametrize("budget", [1, 20, 45, 10_000])
def test_a_budget_of_tokens_is_kept_but_for_rows_that_are_longer(budget):
    prompts = [PROMPTS[prompt] for prompt, _, _ in ROWS]
    completions = [completion for _, completion, _ in ROWS]
    rows = batch_rows(
        prompts,
        completions,
        [False] * len(ROWS),
        rows_per_batch=1,
        tokens_per_batch=budget,
        device=torch.device("cpu"),
    )
    sizes = [
        (
            batch.tokens.prompts.input_ids.numel() + batch.tokens.completions.numel(),
            len(batch.tokens.completions),
        )
        for batch in rows.batches
    ]
    assert all(tokens <= budget or count == 1 for tokens, count in sizes)
    assert len(sizes) == {1: 5, 10_000: 1}.get(budget, len(sizes))
    assert sorted(torch.cat([batch.rows for batch in rows.batches]).tolist()) == list(range(len(ROWS)))


@pytest.mark.parametrize(("size", "batches"), [(8, 1), (2, 4), (1, 7)])
def test_batches_hold_so_many_different_rows(size, batches):
    prompts = [PROMPTS[prompt] for prompt, _, _ in ROWS] * 3
    completions = [(*completion, index // 7) for index, (_, completion, _) in enumerate(ROWS * 3)]
    completions[7:] = completions[:7] * 2  # every row three times
    rows = batch_rows(prompts, completions, [False] * 21, rows_per_batch=size, device=torch.device("cpu"))
    assert sum(len(batch.rows) for batch in rows.batches) == 21
    assert all(len(batch.tokens.completions) <= size for batch in rows.batches)
    assert len(rows.batches) == -(-5 // size)
    assert batches >= len(rows.batches)
    assert rows.in_order([batch.rows for batch in rows.batches]).tolist() == list(range(21))


def test_rows_of_a_prompt_stay_together_where_that_reads_fewer_tokens():
    long, other = tuple(range(10, 60)), tuple(range(60, 110))
    prompts = [long, other, long, other]
    completions = [(1,), (2, 2), (3, 3, 3), (4, 4, 4, 4)]
    rows = batch_rows(prompts, completions, [False] * 4, rows_per_batch=2, device=torch.device("cpu"))
    assert [len(batch.tokens.prompts.input_ids) for batch in rows.batches] == [1, 1]
