"""The chunked head against the full softmax, and completion log-probs against the model's own logits."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from adapter_models import ids, tiny_qwen3
from vgrout.errors import ConfigError, ShapeError
from vgrout.grpo import (
    completion_logprobs,
    completion_logprobs_and_entropy,
    hidden_logprobs_and_entropy,
    token_logprobs,
    token_logprobs_and_entropy,
)
from vgrout.grpo import logprobs as logprobs_module

pytestmark = pytest.mark.gate

CHUNKS = [(1, 1), (3, 7), (5, 61), (100, 1000)]


def problem(dtype=torch.float64, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    hidden = (scale * torch.randn(11, 6, generator=generator, dtype=torch.float64)).to(dtype)
    weight = torch.randn(61, 6, generator=generator, dtype=torch.float64).to(dtype)
    bias = torch.randn(61, generator=generator, dtype=torch.float64).to(dtype)
    targets = torch.randint(0, 61, (11,), generator=generator)
    return hidden, weight, bias, targets


def naive(hidden, weight, bias, targets, temperature):
    logs = torch.log_softmax((hidden @ weight.T + bias) / temperature, dim=-1)
    return logs.gather(1, targets[:, None])[:, 0], -(logs.exp() * logs).sum(dim=1)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_values_and_gradients_equal_the_full_softmax(chunks, temperature):
    hidden, weight, bias, targets = problem()
    cotangent = torch.linspace(-1, 2, 11, dtype=torch.float64)
    leaves = [t.clone().requires_grad_(True) for t in (hidden, weight, bias)]
    want, entropy = naive(*leaves, targets, temperature)
    want_grads = torch.autograd.grad((want * cotangent).sum(), leaves)
    options = {"temperature": temperature, "chunk_tokens": chunks[0], "chunk_vocab": chunks[1]}
    got, got_entropy = token_logprobs_and_entropy(*leaves[:2], targets, bias=leaves[2], **options)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(got_entropy, entropy.detach(), rtol=1e-12, atol=1e-12)
    assert not got_entropy.requires_grad
    torch.testing.assert_close(
        torch.autograd.grad((got * cotangent).sum(), leaves), want_grads, rtol=1e-12, atol=1e-12
    )
    assert torch.equal(token_logprobs(*leaves[:2], targets, bias=leaves[2], **options), got)


def test_large_logits_do_not_overflow():
    hidden, weight, bias, targets = problem(torch.float32, scale=300.0)
    got, entropy = token_logprobs_and_entropy(hidden, weight, targets, bias=bias, chunk_vocab=8)
    want, _ = naive(hidden.double(), weight.double(), bias.double(), targets, 1.0)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-3)
    assert torch.isfinite(entropy).all()
    assert (entropy > -1e-4).all()


def test_bf16_hidden_gives_fp32_log_probs():
    hidden, weight, bias, targets = problem(torch.bfloat16)
    leaf = hidden.clone().requires_grad_(True)
    got = token_logprobs(leaf, weight, targets, bias=bias, chunk_vocab=16)
    want, _ = naive(hidden.double(), weight.double(), bias.double(), targets, 1.0)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), want, rtol=0, atol=0.05)  # bf16 logits of size ~5
    got.sum().backward()
    assert leaf.grad.dtype == torch.bfloat16


def test_no_tensor_of_tokens_by_vocabulary_is_made(monkeypatch):
    """The largest tile is chunk by chunk: recorded through the one function that makes logits."""
    made = []
    inner = logprobs_module._tile

    def spy(*args):
        made.append(inner(*args))
        return made[-1]

    monkeypatch.setattr(logprobs_module, "_tile", spy)
    hidden, weight, _, targets = problem()
    token_logprobs(
        hidden.requires_grad_(True), weight, targets, chunk_tokens=4, chunk_vocab=10
    ).sum().backward()
    assert len(made) == 2 * 3 * 7
    assert max(tile.shape[0] for tile in made) == 4
    assert max(tile.shape[1] for tile in made) == 10


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"temperature": 0.0}, ConfigError),
        ({"chunk_vocab": 0}, ConfigError),
        ({"targets": torch.tensor([0] * 10 + [61])}, ShapeError),
        ({"targets": torch.tensor([-1] + [0] * 10)}, ShapeError),
    ],
)
def test_bad_input_is_refused(change, error):
    hidden, weight, _, targets = problem()
    with pytest.raises(error):
        token_logprobs(**{"hidden": hidden, "weight": weight, "targets": targets} | change)


def test_no_tokens_give_no_log_probs():
    hidden, weight, _, targets = problem()
    leaf = hidden[:0].clone().requires_grad_(True)
    got = token_logprobs(leaf, weight, targets[:0])
    got.sum().backward()
    assert got.shape == (0,)
    assert leaf.grad.shape == (0, 6)


def padded():
    """Two prompts padded on the left, completions padded on the right: T = 4, L = 5."""
    tokens, attention = ids(3, 9), torch.ones(3, 9, dtype=torch.long)
    attention[0, :2] = 0
    attention[1, 7:] = 0
    tokens = tokens * attention
    completion = attention[:, 4:].bool()
    return tokens, attention, completion


def test_completion_log_probs_equal_those_of_each_unpadded_row():
    model = tiny_qwen3()
    tokens, attention, completion = padded()
    got, entropy = completion_logprobs_and_entropy(
        model, tokens, attention, completion, temperature=0.8, chunk_tokens=3
    )
    assert torch.equal(
        got, completion_logprobs(model, tokens, attention, completion, temperature=0.8, chunk_tokens=3)
    )
    for row in range(3):
        real = tokens[row][attention[row].bool()][None]
        logs = torch.log_softmax(model(real).logits[0, :-1] / 0.8, dim=-1)
        count = int(completion[row].sum())
        want = logs.gather(1, real[0, 1:, None])[-count:, 0]
        torch.testing.assert_close(got[row, :count], want, rtol=1e-10, atol=1e-10)
        want_entropy = -(logs.exp() * logs).sum(dim=1)[-count:]
        torch.testing.assert_close(entropy[row, :count], want_entropy.detach(), rtol=1e-10, atol=1e-10)
        assert torch.equal(got[row, count:], torch.zeros(5 - count, dtype=torch.float64))


def test_a_row_without_prompt_token_is_refused():
    model = tiny_qwen3()
    tokens, attention, _ = padded()
    with pytest.raises(ShapeError, match="no prompt token stands before it"):
        completion_logprobs(model, tokens, attention, torch.ones(3, 9, dtype=torch.bool))


class Headed(nn.Module):
    """A head and settings, as `hidden_logprobs_and_entropy` reads them of a model."""

    def __init__(self, weight, bias, **settings):
        super().__init__()
        self.head = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=weight.dtype)
        self.head.weight.data, self.settings = weight.clone(), settings
        if bias is not None:
            self.head.bias.data = bias.clone()
        self.config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(**settings))

    def get_output_embeddings(self):
        return self.head


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize(
    ("settings", "scale", "cap"),
    [
        ({"final_logit_softcapping": 2.0}, 1.0, 2.0),
        ({"final_logit_softcapping": None, "logit_scale": 0.25}, 0.25, None),
        ({"logits_scaling": 8.0}, 1 / 8, None),
        ({"lm_head_multiplier": 0.5, "logits_soft_cap": 3.0}, 0.5, 3.0),
    ],
)
def test_values_and_gradients_of_logits_that_are_scaled_and_capped(chunks, settings, scale, cap):
    hidden, weight, bias, targets = problem()
    model, leaf = Headed(weight, bias, **settings), hidden.clone().requires_grad_(True)
    leaves = [leaf, model.head.weight, model.head.bias]
    logits = scale * (leaf @ model.head.weight.T + model.head.bias)
    logits = logits if cap is None else cap * torch.tanh(logits / cap)
    logs = torch.log_softmax(logits / 0.7, dim=-1)
    want, cotangent = logs.gather(1, targets[:, None]).T, torch.linspace(-1, 2, 11, dtype=torch.float64)
    want_grads = torch.autograd.grad((want * cotangent).sum(), leaves)
    got, entropy = hidden_logprobs_and_entropy(
        model, leaf[None], targets[None], torch.ones(1, 11, dtype=torch.bool),
        temperature=0.7, chunk_tokens=chunks[0], chunk_vocab=chunks[1],
    )  # fmt: skip
    torch.testing.assert_close(got, want.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(entropy[0], -(logs.exp() * logs).sum(1).detach(), rtol=1e-12, atol=1e-12)
    grads = torch.autograd.grad((got * cotangent).sum(), leaves)
    torch.testing.assert_close(grads, want_grads, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("chunks", CHUNKS)
def test_a_bias_that_rules_tokens_out_gives_no_nan(chunks):
    hidden, weight, bias, targets = problem(torch.float32)
    bias[:20] = -torch.inf
    targets = 20 + targets % 41
    leaf = hidden.clone().requires_grad_(True)
    got, entropy = token_logprobs_and_entropy(
        leaf, weight, targets, bias=bias, chunk_tokens=chunks[0], chunk_vocab=chunks[1]
    )
    allowed = [hidden.double(), weight[20:].double(), bias[20:].double(), targets - 20]
    want, want_entropy = naive(*allowed, 1.0)
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(entropy.double(), want_entropy, rtol=1e-5, atol=1e-5)
    assert torch.isfinite(torch.autograd.grad(got.sum(), leaf)[0]).all()
    assert token_logprobs(hidden, weight, torch.zeros(11, dtype=torch.long), bias=bias).max() < -1e29


def test_an_output_head_that_is_no_linear_is_refused():
    model = tiny_qwen3()
    model.lm_head = nn.Identity()
    with pytest.raises(ConfigError, match="the output head is Identity, expected a Linear"):
        completion_logprobs(model, *padded())
