"""The sampler draws what the trainer would score, row by row under the right policy."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import chisquare

from tiny import tiny_policy
from vgrout.adapters import RouteMask
from vgrout.config import AdapterConfig, BaseConfig, RolloutConfig
from vgrout.env import load_problems
from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.policy.model import check_device, load_policy
from vgrout.policy.tiny_model import byte_tokenizer, tiny_model
from vgrout.policy.tokens import batch_rows, pad_rows
from vgrout.rollouts.base import SampleRequest
from vgrout.rollouts.hf import HfEngine, cut, draw
from vgrout.train.forward import row_logprobs


@pytest.fixture(scope="module")
def sampler():
    policy = tiny_policy(noise=0.3)
    return policy, HfEngine(policy, RolloutConfig(rows_per_batch=16))


def request_of(policy, *, ablated=(False, True, False), counts=(2, 3, 1), **changes) -> SampleRequest:
    texts = ("Sort the list.", "Return the sum of a and b, please, and explain.", "x")
    request = SampleRequest(
        prompts=tuple(policy.encode(text) for text in texts),
        counts=counts,
        ablated=ablated,
        max_new_tokens=24,
        temperature=0.8,
        top_p=1.0,
        top_k=0,
        seed=11,
    )
    return replace(request, **changes)


def scored(policy, request, rollouts, ablated):
    batch = pad_rows(
        [request.prompts[answer.prompt_index] for answer in rollouts],
        [answer.completion for answer in rollouts],
        device=policy.device,
    )
    mask = RouteMask.sampled(torch.tensor(ablated))
    with torch.no_grad():
        logprobs = row_logprobs(policy, batch, mask, temperature=request.temperature)
    return logprobs[batch.completion_mask]


def test_sampler_logprobs_equal_the_trainers_for_both_policies_in_one_batch(sampler):
    policy, engine = sampler
    request = request_of(policy)
    rollouts = engine.sample(request)
    ablated = [answer.ablated for answer in rollouts]
    assert ablated == [False, False, True, True, True, False]
    sampled = torch.tensor([value for answer in rollouts for value in answer.logprobs])
    gap = sampled - scored(policy, request, rollouts, ablated)
    assert float(gap.abs().max()) < 1e-5  # float32 rounding of two orders of summation
    wrong = sampled - scored(policy, request, rollouts, [not own for own in ablated])
    assert float(wrong.abs().max()) > 1e-2  # the policies differ, so the agreement above means something


def test_answers_do_not_depend_on_what_is_decoded_beside_them(sampler):
    policy, engine = sampler
    request = request_of(policy, max_new_tokens=64)
    together = engine.sample(request)
    apart = HfEngine(policy, RolloutConfig(rows_per_batch=1)).sample(request)
    assert [answer.completion for answer in together] == [answer.completion for answer in apart]


@pytest.mark.parametrize("ablated", [True, False])
def test_a_batch_of_one_policy_is_decoded_on_merged_weights_and_says_the_same(sampler, ablated):
    """A batch of both policies cannot be merged, so its rows of one policy show what the mask gives."""
    policy, engine = sampler
    alone = engine.sample(request_of(policy, ablated=(ablated,) * 3))
    mixed = engine.sample(request_of(policy, ablated=(ablated, ablated, not ablated)))
    assert [answer.completion for answer in alone[:5]] == [answer.completion for answer in mixed[:5]]
    gaps = [
        abs(a - b)
        for one, other in zip(alone[:5], mixed[:5], strict=True)
        for a, b in zip(one.logprobs, other.logprobs, strict=True)
    ]
    assert 0 < max(gaps) < 1e-5  # float32 rounding, and not the same path twice


def test_the_seed_decides_the_answers(sampler):
    policy, engine = sampler
    request = request_of(policy)
    first = engine.sample(request)
    assert first == engine.sample(request)
    other = engine.sample(replace(request, seed=12))
    assert first[0].completion != other[0].completion


def test_greedy_answers_equal_those_of_generate(sampler):
    policy, engine = sampler
    request = request_of(policy, counts=(1, 1, 1), ablated=(True, True, True), top_k=1)
    rollouts = engine.sample(request)
    for row in range(3):
        ids = torch.tensor([request.prompts[row]])
        with torch.no_grad(), policy.adapter.ablated():
            whole = policy.model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24,
                eos_token_id=list(policy.end_ids), pad_token_id=policy.pad_id,
            )  # fmt: skip
        assert list(rollouts[row].completion) == whole[0, ids.shape[1] :].tolist()


def test_an_answer_stops_at_the_end_token_and_says_if_it_was_cut(sampler):
    policy, engine = sampler
    rollouts = engine.sample(request_of(policy, counts=(40, 0, 0), max_new_tokens=64, temperature=20.0))
    ended = [policy.end_ids[0] in rollouts[row].completion for row in range(40)]
    assert 0 < sum(ended) < 40
    for row, has_end in enumerate(ended):
        answer = rollouts[row]
        assert answer.truncated == (not has_end)
        assert (
            len(answer.completion) == 64
            or answer.completion.index(policy.end_ids[0]) == len(answer.completion) - 1
        )


def test_no_row_is_a_request_too(sampler):
    policy, engine = sampler
    assert len(engine.sample(request_of(policy, counts=(0, 0, 0)))) == 0


def test_a_request_of_unequal_lengths_is_refused(sampler):
    with pytest.raises(ShapeError, match="3 prompts, 2 counts and 3 policies"):
        request_of(sampler[0], counts=(1, 2))


def test_draws_follow_the_cut_distribution(sampler):
    request = request_of(sampler[0], top_p=0.9, temperature=1.0)
    logits = torch.tensor([0.0, 1.0, 2.0, 3.0, -40.0])
    uniform = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000  # exact quantiles, no luck
    tokens, logprobs, nats = draw(logits.expand(100_000, 5), uniform, request)
    whole = torch.softmax(logits, -1)
    kept = torch.tensor([0.0, whole[1], whole[2], whole[3], 0.0]) / whole[1:4].sum()
    shares = torch.bincount(tokens, minlength=5) / 100_000
    assert torch.allclose(shares, kept, atol=2e-5)
    assert torch.allclose(logprobs.exp(), whole[tokens], atol=1e-6)  # of the distribution before the cut
    assert torch.allclose(nats, -whole[1:4].sum().double().log().expand(100_000), atol=1e-6)


def test_an_answer_says_what_the_cut_added(sampler):
    whole, cut_short = (sampler[1].sample(request_of(sampler[0], top_p=mass)) for mass in (1.0, 0.5))
    assert max(answer.cut_nats for answer in whole) < 1e-4
    assert all(answer.cut_nats > 0.1 * len(answer.completion) for answer in cut_short)


def test_a_uniform_of_almost_one_gives_an_allowed_token(sampler):
    request = request_of(sampler[0], top_k=1, temperature=1.0)
    tokens, *_ = draw(
        torch.tensor([[5.0, 0.0, 0.0]]), torch.tensor([1 - 2**-53], dtype=torch.float64), request
    )
    assert tokens.tolist() == [0]


@pytest.mark.parametrize(
    ("top_p", "top_k", "kept"),
    [(1.0, 0, [0, 1, 2, 3]), (0.5, 0, [0]), (0.51, 0, [0, 1]), (0.8, 0, [0, 1]), (0.81, 0, [0, 1, 2]), (1.0, 2, [0, 1]), (0.01, 0, [0])],
)  # fmt: skip
def test_top_p_and_top_k_keep_the_smallest_set_that_reaches_the_mass(top_p, top_k, kept):
    logprobs = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert cut(logprobs, top_p, top_k)[0].isfinite().nonzero().flatten().tolist() == kept


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("top_p", [0.5, 0.95, 0.999])
def test_a_nucleus_of_a_large_vocabulary_is_that_of_the_whole_sort(monkeypatch, scale, top_p):
    logits = scale * torch.randn(3, 9000, generator=torch.Generator().manual_seed(1))
    logits[1, :700] = 9.0  # the nucleus ends among equals
    logprobs = torch.log_softmax(logits, dim=-1)
    quick = cut(logprobs, top_p, 0)
    monkeypatch.setattr("vgrout.rollouts.hf._HEAD", 9000)
    assert torch.equal(quick, cut(logprobs, top_p, 0))


def test_draws_from_a_large_vocabulary_follow_the_cut_distribution(monkeypatch):
    monkeypatch.setattr("vgrout.rollouts.hf._HEAD", 8)
    draws, vocabulary = 40_000, 100
    logits = 3 * torch.randn(1, vocabulary, generator=torch.Generator().manual_seed(2))
    uniform = torch.rand(draws, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    request = SampleRequest(
        prompts=((1,),),
        counts=(1,),
        ablated=(False,),
        max_new_tokens=1,
        temperature=1.0,
        top_p=0.7,
        top_k=0,
        seed=0,
    )
    tokens, *_ = draw(logits.expand(draws, vocabulary), uniform, request)
    ordered, order = logits[0].softmax(-1).sort(descending=True)
    size = int((ordered.cumsum(-1) < 0.7).sum()) + 1
    assert 2 < size < 8
    expected = ordered[:size].double() / ordered[:size].double().sum() * draws
    observed = torch.bincount(tokens, minlength=vocabulary)[order]
    assert int(observed[size:].sum()) == 0
    assert chisquare(observed[:size].numpy(), expected.numpy()).pvalue > 1e-4


def test_values_of_batches_come_back_in_the_order_of_their_rows():
    prompts, completions = [(1, 2, 3), (4,), (5, 6)], [(7,), (8, 9), (10, 11, 12, 13)]
    rows = batch_rows(
        prompts, completions, [True, False, False], rows_per_batch=2, device=torch.device("cpu")
    )
    assert [batch.rows.tolist() for batch in rows.batches] == [[0, 1], [2]]  # by length, longest last
    assert rows.ablated.tolist() == [True, False, False]
    parts = []
    for batch in rows.batches:
        tokens, mask = batch.tokens, batch.tokens.completion_mask
        parts.append(tokens.completions[tokens.row_of] * mask)
    assert rows.columns_in_order(parts).tolist() == [[7, 0, 0, 0], [8, 9, 0, 0], [10, 11, 12, 13]]


def test_every_text_survives_the_byte_tokenizer():
    tokenizer = byte_tokenizer()
    for text in ("def f(x):\n    return x\n", "naïve — 中文 🙂", "\t\r\n  \x00\x7f"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_tiny_model_is_the_same_for_the_same_seed_and_leaves_the_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = tiny_model(0, 99), tiny_model(0, 99), tiny_model(1, 99)
    assert torch.equal(torch.get_rng_state(), before)
    weights = [model.state_dict() for model in (first, second, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_a_prompt_longer_than_the_context_is_refused_by_name():
    policy = replace(tiny_policy(), context_tokens=100)
    problem = load_problems()[0]
    with pytest.raises(
        DataError, match=r"problem 7: the prompt has \d+ tokens, but a context of 100 less 40"
    ):
        policy.fit_prompt(problem.messages, who="problem 7", max_prompt=500, max_new=40)
    with pytest.raises(
        DataError, match=r"problem 7: the prompt has \d+ tokens, above rollouts.max_prompt_tokens = 9"
    ):
        replace(policy, context_tokens=9000).fit_prompt(
            problem.messages, who="problem 7", max_prompt=9, max_new=40
        )


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """A Hugging Face folder of the tiny model."""
    path = tmp_path_factory.mktemp("model")
    policy = tiny_policy()
    policy.model.save_pretrained(path)
    policy.tokenizer.save_pretrained(path)
    return path


def load(source):
    return load_policy(source, BaseConfig(dtype="float32"), AdapterConfig(rank=2), device="cpu", seed=0)


def copied(model_dir, tmp_path, *without):
    for file in model_dir.iterdir():
        if not any(file.match(pattern) for pattern in without):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    return str(tmp_path)


def test_a_saved_model_loads_back_the_same(model_dir):
    policy, loaded = tiny_policy(), load(str(model_dir))
    messages = load_problems()[0].messages
    assert loaded.prompt_ids(messages) == policy.prompt_ids(messages)
    assert (loaded.end_ids, loaded.pad_id, loaded.context_tokens) == (policy.end_ids, policy.pad_id, 16_384)
    ids = torch.tensor([policy.encode("hello")])
    with torch.no_grad():
        assert torch.equal(loaded.model(ids).logits, policy.model(ids).logits)


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (["*.safetensors"], "has no weights"),
        (["config.json"], "has no config.json"),
        (["tokenizer*"], "has no tokenizer"),
        (["chat_template*"], "has no chat template"),
    ],
)
def test_a_model_folder_that_lacks_a_part_says_which(model_dir, tmp_path, without, message):
    folder = copied(model_dir, tmp_path, *without)
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert f"model: {folder} {message}" in str(caught.value)
    assert "\nhint: " in str(caught.value)


def test_a_model_folder_that_is_damaged_is_refused(model_dir, tmp_path):
    folder = copied(model_dir, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-model"}))
    with pytest.raises(ConfigError, match="cannot be loaded from this machine"):
        load(folder)


def test_a_model_that_is_nowhere_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match=r"is not a folder\nhint: "):
        load(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"cannot be loaded(?s:.*)hint: give `--model DIR`"):
        load("nobody/no-such-model")


def test_the_tiny_model_takes_the_settings_of_a_base():
    base = BaseConfig(dtype="bfloat16", attention="eager", context_tokens=300)
    policy = load_policy(None, base, AdapterConfig(rank=2), device="cpu", seed=0)
    assert policy.model.lm_head.weight.dtype == torch.bfloat16
    assert policy.model.config._attn_implementation == "eager"
    assert policy.context_tokens == 300


def test_a_context_above_the_models_is_refused():
    with pytest.raises(
        ConfigError, match=r"base.context_tokens: 20000 is above the 16384 of tiny(?s:.*)\nhint: lower it"
    ):
        load_policy(None, BaseConfig(context_tokens=20_000), AdapterConfig(rank=2), device="cpu", seed=0)


def test_a_model_that_names_no_context_asks_for_one(monkeypatch):
    monkeypatch.setattr("vgrout.policy.model._load_pretrained", lambda *_: (contextless(), byte_tokenizer()))
    with pytest.raises(
        ConfigError, match=r"does not say how long its context is\nhint: give `--base.context-"
    ):
        load("somewhere/else")


def contextless():
    model = tiny_model(0, 1024)
    model.config = SimpleNamespace(get_text_config=SimpleNamespace)
    return model


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_asked_for_and_absent_is_refused():
    with pytest.raises(
        ConfigError, match=r"device: cuda was asked for, but torch sees no CUDA device\nhint: "
    ):
        check_device("cuda")
