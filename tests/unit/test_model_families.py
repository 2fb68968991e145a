"""What a model can do is tried, not read from its name: tiny random models of transformers' families."""

import warnings
from dataclasses import replace

import pytest
import torch

from adapter_models import gradients, mask_of, randomise
from model_families import random_model, random_policy
from tiny import tiny_config, tiny_run
from vgrout.adapters import Lora2r, export_full, left_out, unloadable
from vgrout.config import AdapterConfig, BaseConfig, RolloutConfig
from vgrout.errors import ConfigError
from vgrout.grpo import completion_logprobs
from vgrout.policy.model import load_policy
from vgrout.policy.tiny_model import byte_tokenizer
from vgrout.policy.tokens import pad_rows
from vgrout.rollouts.base import SampleRequest
from vgrout.rollouts.hf import HfEngine
from vgrout.routing import pooled_activations
from vgrout.train.forward import row_activations, row_logprobs
from vgrout.train.probe import check_model
from vgrout.train.session import _tell_targets

RECURRENT = (
    "qwen3_next", "qwen3_5_text", "olmo_hybrid", "lfm2", "bamba", "jamba", "nemotron_h", "granitemoehybrid",
    "falcon_h1",
)  # fmt: skip
SHAPED = ("gemma2", "cohere2", "granite", "nanochat")


def tried(policy):
    check_model(policy, HfEngine(policy, RolloutConfig(rows_per_batch=8)), activations=True)


@pytest.mark.parametrize("family", RECURRENT + SHAPED)
def test_a_model_whose_log_probs_are_its_own_everywhere_is_taken(family):
    policy = random_policy(family)
    assert policy.is_recurrent == (family in RECURRENT)
    tried(policy)
    assert all(parameter.grad is None for parameter in policy.adapter.parameters())


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("hyperclovax", "log-probs taken from its output head are .* nats off the model's own"),
        ("recurrent_gemma", "cannot be trained here: it hands back no cache of what it has read"),
        ("minimax", "cannot be sampled from here: MiniMax uses cache of its own"),
        ("llama4_text", "has no decoder without its head"),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused_with_the_reason(family, reason):
    with pytest.raises(ConfigError, match=rf"model: {family} \(\w+\):? {reason}") as caught:
        tried(random_policy(family))
    assert len(str(caught.value).splitlines()) == 2


def test_a_sampler_that_does_not_apply_what_is_trained_is_refused():
    """The commonest failure of engines: another model than the trained one answers."""
    policy, other = random_policy("qwen3"), random_policy("llama")
    with pytest.raises(ConfigError, match="log-probs of the sampler are"):
        check_model(policy, HfEngine(other, RolloutConfig(rows_per_batch=8)), activations=False)


def test_padding_leaves_no_trace_where_its_embedding_is_zero():
    """Gemma 3n divides by norms of the embedding, and that of its padding token, 0, is zero."""
    policy = random_policy("gemma3n_text")
    assert not policy.model.get_input_embeddings().weight[policy.pad_id].any()
    rows = (((11, 12, 13), (5,)), ((21,), (8, 9, 8)))
    tokens = pad_rows([p for p, _ in rows], [c for _, c in rows], device=policy.device)
    row_logprobs(policy, tokens, mask_of("kr"), temperature=1.0).sum().backward()
    assert all(bool(grad.isfinite().all()) for grad in gradients(policy.adapter).values())


def test_a_model_without_finite_gradients_is_refused():
    policy = random_policy("qwen3")

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, values):
            return values.clone()

        @staticmethod
        def backward(_ctx, gradient):
            return gradient * torch.nan

    policy.model.model.norm.register_forward_hook(lambda _module, _inputs, output: Broken.apply(output))
    with pytest.raises(ConfigError, match="cannot be trained here: its gradients are not finite"):
        tried(policy)


@pytest.mark.parametrize("family", ["qwen3_next", "bamba", "lfm2"])
def test_rows_of_a_recurrent_model_are_read_as_if_alone(family):
    """fp32 kernels inside: values to 1e-5 nats, gradients to 1e-4 of their size."""
    policy = random_policy(family)
    randomise(policy.adapter)
    rows = (((11, 12, 13, 14, 15), (5, 6, 7)), ((11, 12, 13, 14, 15), (9,)), ((21, 22), (8, 9, 8, 9)))
    tokens = pad_rows([p for p, _ in rows], [c for _, c in rows], device=policy.device)
    logprobs = row_logprobs(policy, tokens, mask_of("krk"), temperature=0.7)
    logprobs.sum().backward()
    shared, summed = gradients(policy.adapter), {}
    pooled = row_activations(policy, tokens)
    for row, (prompt, completion) in enumerate(rows):
        ids = torch.tensor([[*prompt, *completion]])
        columns = torch.arange(ids.shape[1])[None] >= len(prompt)
        with policy.adapter.routing(mask_of("krk"[row])):
            solo = completion_logprobs(policy.model, ids, None, columns, temperature=0.7)[0]
            solo.sum().backward()
        torch.testing.assert_close(logprobs[row, : len(completion)], solo, rtol=0, atol=1e-5)
        torch.testing.assert_close(
            pooled[row], pooled_activations(policy.model, policy.adapter, ids, columns)[0], rtol=0, atol=1e-5
        )
        for name, grad in gradients(policy.adapter).items():
            summed[name] = summed.get(name, 0) + grad
    for name, grad in shared.items():
        assert (grad - summed[name]).norm() <= 1e-4 * summed[name].norm() + 1e-7, name


@pytest.mark.parametrize("family", ["qwen3_next", "lfm2", "falcon_h1"])
def test_answers_of_a_recurrent_model_do_not_depend_on_what_is_decoded_beside_them(family):
    """A third of the tokens end an answer, so that rows are dropped from the states all the time."""
    policy = replace(random_policy(family), end_ids=tuple(range(2, 44)))
    request = SampleRequest(
        prompts=((5, 6, 7, 8, 9), (50, 60)), counts=(5, 4), ablated=(False, True), max_new_tokens=20,
        temperature=1.0, top_p=1.0, top_k=0, seed=3,
    )  # fmt: skip
    together, apart = (
        HfEngine(policy, RolloutConfig(rows_per_batch=rows)).sample(request) for rows in (9, 1)
    )
    assert [answer.completion for answer in together] == [answer.completion for answer in apart]
    assert len({len(answer.completion) for answer in together}) > 3


def test_a_family_whose_layers_have_other_names_needs_targets():
    with pytest.raises(
        ConfigError, match=r"no default target in GPTNeoXForCausalLM(?s:.*)\nhint: name some with"
    ):
        random_policy("gpt_neox")
    tried(random_policy("gpt_neox", targets=["query_key_value", "dense"]))
    with pytest.raises(ConfigError, match="targets: GPT2LMHeadModel has no Linear that an adapter could"):
        random_policy("gpt2")


@pytest.mark.parametrize(
    ("family", "missed"),
    [
        ("llama", []),
        ("phi", ["dense", "fc1", "fc2"]),
        ("deepseek_v3", ["experts", "kv_a_proj_with_mqa", "kv_b_proj", "q_a_proj", "q_b_proj"]),
        ("mixtral", ["experts"]),
    ],
)
def test_what_the_default_targets_leave_out_is_known(family, missed):
    model = random_model(family)
    assert left_out(model, Lora2r.attach(model, r=2).module_names) == missed


def test_setting_up_tells_what_has_no_adapter_and_what_cannot_be_exported(caplog):
    caplog.set_level("INFO")
    _tell_targets(random_policy("phi"), AdapterConfig())
    _tell_targets(random_policy("glm4_moe"), AdapterConfig())
    _tell_targets(random_policy("glm4_moe", targets=["q_proj"]), AdapterConfig(targets=("q_proj",)))
    assert [record.getMessage() for record in caplog.records] == [
        "no adapter on dense, fc1, fc2 of phi: `--adapter.targets` chooses what has one",
        "no adapter on experts of glm4_moe: `--adapter.targets` chooses what has one",
        "this adapter cannot be exported: PEFT takes down_proj, gate_proj, up_proj for something else",
    ]


def loads(family, directory):
    """Whether PEFT loads every tensor of an export, each on its module."""
    peft = pytest.importorskip("peft", reason="peft is a dependency, but the trainer runs without it")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            peft.PeftModel.from_pretrained(random_model(family), str(directory))
        except ValueError:
            return False
    return not any("missing adapter keys" in str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    "family", ["glm4_moe", "deepseek_v3", "hunyuan_v1_moe", "falcon_h1", "qwen2_moe", "olmoe", "qwen3_next", "bamba", "lfm2"]
)  # fmt: skip
def test_an_export_is_refused_exactly_where_peft_would_not_load_it(family, tmp_path, monkeypatch):
    adapter = random_policy(family).adapter
    refused = unloadable(adapter)
    if refused:
        with pytest.raises(ConfigError, match=r"PEFT takes(?s:.*)\nhint: train with `--adapter.targets "):
            export_full(adapter, tmp_path / "made")
        assert not (tmp_path / "made").exists()
        monkeypatch.setattr("vgrout.adapters.peft_io.unloadable", lambda _: [])
    assert loads(family, export_full(adapter, tmp_path / "made")) == (not refused)


def test_the_targets_that_a_refused_export_names_can_be_exported(tmp_path):
    model = random_model("glm4_moe")
    adapter = Lora2r.attach(model, r=2, targets=["k_proj", "o_proj", "q_proj", "v_proj"])
    assert loads("glm4_moe", export_full(adapter, tmp_path / "made"))


@pytest.fixture
def folder(tmp_path):
    """Saves a family's random model with the byte-level tokenizer."""

    def saved(family, **changes):
        tokenizer = byte_tokenizer()
        model = random_model(
            family, vocab_size=len(tokenizer), max_position_embeddings=16_384, eos_token_id=2, **changes
        )
        model.save_pretrained(tmp_path / family)
        tokenizer.save_pretrained(tmp_path / family)
        return str(tmp_path / family)

    return saved


def test_a_run_with_a_model_that_cannot_be_trained_leaves_nothing(tmp_path, folder):
    with pytest.raises(ConfigError, match="RecurrentGemmaForCausalLM"):
        tiny_run(tiny_config(tmp_path / "run", model=folder("recurrent_gemma")))
    assert not (tmp_path / "run").exists()


def test_a_run_trains_a_recurrent_model(tmp_path, folder):
    model = folder("qwen3_5_text")
    tiny_run(tiny_config(tmp_path / "run", model=model, steps=2, rollouts__max_new_tokens=24))
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2


def test_an_attention_that_a_model_lacks_is_said_with_the_one_it_has(folder):
    with pytest.raises(ConfigError, match=r"it has no `sdpa` attention\nhint: add `--base.attention eager`"):
        load_policy(folder("gpt_oss"), BaseConfig(), AdapterConfig(), device="cpu", seed=0)
