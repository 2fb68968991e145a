"""What vLLM is started with, and what its process says of a cut; nothing here needs vLLM."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM

from tiny import tiny_policy
from vgrout.builtin import builtin_model
from vgrout.config import AdapterConfig, BaseConfig, RolloutConfig
from vgrout.errors import ConfigError
from vgrout.policy.model import load_policy
from vgrout.rollouts import vllm
from vgrout.rollouts.hf import cut
from vgrout.rollouts.rows import Row, Sampling
from vgrout.rollouts.vllm_child import _drawn, _TellCut

CONFIG = RolloutConfig(
    engine="vllm", rows_per_batch=8, max_prompt_tokens=100, max_new_tokens=28, memory_share=0.3
)


@pytest.mark.parametrize(
    ("rank", "served"), [(1, 8), (2, 8), (4, 16), (8, 32), (20, 128), (80, 320), (128, 512)]
)
def test_the_rank_that_is_served_is_the_next_that_vllm_knows(rank, served):
    assert vllm.engine_settings(tiny_policy(rank=rank), CONFIG, "m")["max_lora_rank"] == served


def test_on_a_cpu_it_runs_eagerly_with_room_for_its_rows():
    policy = tiny_policy(rank=4)
    settings = vllm.engine_settings(policy, CONFIG, "m")
    expected = {
        "dtype": "float32",
        "enforce_eager": True,
        "max_loras": 2,
        "max_num_seqs": 8,
        "max_model_len": 16_384,
    }
    assert {name: settings[name] for name in expected} == expected
    assert settings["block_size"] % 32 == 0
    assert "enable_sleep_mode" not in settings
    # 2 (keys, values) x 2 layers x 1 head x 16 x 4 bytes a token, for one row of the longest context
    assert settings["kv_cache_memory_bytes"] == (16_384 + 64) * 256
    short = vllm.cache_bytes(replace(policy, context_tokens=256), CONFIG)
    assert short == 8 * (128 + 32) * 256


def test_on_a_gpu_it_sleeps_and_takes_its_share():
    policy = replace(tiny_policy(rank=4), device=torch.device("cuda"))
    settings = vllm.engine_settings(policy, CONFIG, "m")
    assert settings["enable_sleep_mode"]
    assert settings["gpu_memory_utilization"] == 0.3
    assert "enforce_eager" not in settings


def test_float32_on_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(vllm, "version_of", lambda _: "0.32.0")
    policy = replace(tiny_policy(rank=4), device=torch.device("cuda"))
    with pytest.raises(
        ConfigError, match=r"base.dtype: vLLM serves adapters on a GPU in half precision only"
    ):
        vllm.VllmEngine(policy, CONFIG)


def test_a_model_that_was_built_in_code_is_saved_and_others_are_read_where_they_are(tmp_path):
    policy = tiny_policy(rank=2, noise=0.3)
    folder = vllm.model_folder(policy, tmp_path)
    assert folder == str(tmp_path / "model")
    again = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    own = policy.model.state_dict()
    assert all(torch.equal(again[name], own[name]) for name in own)
    packaged = load_policy(
        "organism", BaseConfig(dtype="float32"), AdapterConfig(rank=2), device="cpu", seed=0
    )
    assert vllm.model_folder(packaged, tmp_path) == str(builtin_model("organism"))


def test_its_process_is_one_and_offline_whatever_the_environment_says():
    given = {"VLLM_ENABLE_V1_MULTIPROCESSING": "1", "VLLM_LOGGING_LEVEL": "DEBUG", "A": "b"}
    on_gpu = vllm.child_environment(given, on_cpu=False)
    assert (on_gpu["VLLM_ENABLE_V1_MULTIPROCESSING"], on_gpu["VLLM_LOGGING_LEVEL"], on_gpu["A"]) == (
        "0",
        "DEBUG",
        "b",
    )
    assert on_gpu["HF_HUB_OFFLINE"] == on_gpu["VLLM_NO_USAGE_STATS"] == "1"
    assert "OMP_NUM_THREADS" not in on_gpu
    assert vllm.child_environment({}, on_cpu=True)["OMP_NUM_THREADS"] == str(torch.get_num_threads())


def backend_on_a_gpu(tells_cut=True):
    """A backend whose process answers everything and remembers what it was asked."""
    asked: list[str] = []

    def call(name, *_values, **_settings):
        asked.append(name)
        return [((7,), (-0.5,), 0.0)] if name == "generate" else None

    backend = object.__new__(vllm.VllmBackend)
    backend._process = SimpleNamespace(call=call)
    backend._timeout_s, backend._sleeps, backend._is_asleep, backend._tells_cut = 1.0, True, False, tells_cut
    return backend, asked


def test_it_sleeps_while_the_trainer_works_and_is_woken_before_anything_is_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    backend, asked = backend_on_a_gpu()
    sampling = Sampling(max_new_tokens=1, temperature=1.0, end_ids=(7,))
    for _ in range(2):
        backend.generate([Row((1,), 0, "a")], sampling, None)
        backend.rest()
        backend.rest()
    assert asked == ["generate", "sleep", "wake", "generate", "sleep"]


def test_a_cut_that_cannot_be_told_is_refused():
    backend, asked = backend_on_a_gpu(tells_cut=False)
    sampling = Sampling(max_new_tokens=1, temperature=1.0, top_p=0.9, end_ids=(7,))
    with pytest.raises(ConfigError, match=r"rollouts.top_p: this vLLM does not say log-probs before the cut"):
        backend.generate([Row((1,), 0, "a")], sampling, None)
    assert not asked


def test_log_probs_before_the_cut_and_its_nats_come_through_vllms_one_row():
    logits = torch.randn(6, 40, generator=torch.Generator().manual_seed(0)) * 2

    def vllms(given, _generators, k, p):
        kept = cut(given.log_softmax(-1), float(p), int(k))
        return kept.argmax(-1), kept.log_softmax(-1)

    sampled, told = _TellCut(vllms)(logits.clone(), {}, torch.tensor(12), torch.tensor(0.8))
    # what vLLM makes of the row for `logprobs=1`: the sampled token and the largest
    outputs = [
        {token: SimpleNamespace(logprob=float(row[token])) for token in (int(own), int(row.argmax()))}
        for own, row in zip(sampled, told, strict=True)
    ]
    tokens, logprobs, nats = _drawn(SimpleNamespace(token_ids=sampled.tolist(), logprobs=outputs), cuts=True)
    before = logits.log_softmax(-1)
    assert tokens == tuple(sampled.tolist())
    torch.testing.assert_close(torch.tensor(logprobs), before.gather(1, sampled[:, None])[:, 0])
    mass = cut(before, 0.8, 12).double().exp().sum(-1)
    assert nats == pytest.approx(-float(mass.log().sum()), abs=1e-5)
    assert nats > 0.1
    same = _TellCut(lambda *asked: asked)(logits, {}, None, None)
    assert same == (logits, {}, None, None)
