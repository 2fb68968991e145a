"""A real vLLM on the CPU: the two-path formula, the cut, the prefix cache, and what the canary catches."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from organism_served import agree, gaps_of, loaded_policy, request_of
from safetensors.torch import load_file, save_file

from served_model import learn, trainer_logprobs
from vgrout.config import RolloutConfig
from vgrout.errors import ConfigError, EngineError
from vgrout.rollouts.hf import cut
from vgrout.rollouts.rows import Adapter

BLOCK = 32


@pytest.fixture(scope="module")
def served():
    from vgrout.rollouts.vllm import VllmEngine

    policy = loaded_policy()
    engine = VllmEngine(
        policy, RolloutConfig(engine="vllm", temperature=0.7, top_p=1.0, max_new_tokens=16, rows_per_batch=16)
    )
    yield policy, engine
    folder = engine._store._folder
    engine.close()
    assert not folder.exists()


@pytest.fixture
def engine(served):
    """Step after step, each with weights of its own."""
    policy, engine = served
    with torch.no_grad():
        for parameter in policy.adapter.parameters():
            parameter.zero_()
    learn(policy, 0.01, seed=engine._store._count)
    engine.sync(engine._store._count)
    return policy, engine


def test_a_mixed_batch_has_the_log_probs_of_the_formula(engine):
    policy, vllm = engine
    request = request_of(policy)
    answers = vllm.sample(request)
    assert [answer.ablated for answer in answers] == [False] * 4 + [True] * 4 + [False] * 4
    assert agree(policy, request, answers)
    other = [replace(answer, ablated=not answer.ablated) for answer in answers]
    assert gaps_of(policy, request, other).max() > 1e-3
    assert all(answer.truncated == (answer.completion[-1] not in policy.end_ids) for answer in answers)
    assert len({answer.completion for answer in answers[:4]}) > 1


def test_log_probs_are_those_before_the_cut_and_the_cut_is_told(engine):
    policy, vllm = engine
    request = request_of(policy, top_p=0.9, top_k=20)
    answers = vllm.sample(request)
    assert agree(policy, request, answers)
    for answer in answers:
        kept = cut(trainer_logprobs(policy, request, answer), 0.9, 20).double().exp().sum(-1)
        assert answer.cut_nats == pytest.approx(-float(kept.log().sum()), abs=1e-4)
    assert max(answer.cut_nats for answer in answers) > 0.01


def test_equal_requests_have_equal_answers_and_a_scaled_quarantine_its_own(engine):
    policy, vllm = engine
    request = request_of(policy)
    first = vllm.sample(request)
    assert [answer.completion for answer in vllm.sample(request)] == [answer.completion for answer in first]
    scaled = request_of(policy, ablated=(False,) * 3, quarantine_scale=0.5)
    assert agree(policy, scaled, vllm.sample(scaled), scale=0.5)


def test_prompts_are_cached_and_never_across_a_sync(engine):
    policy, vllm = engine
    request = request_of(policy, counts=(4, 0, 0))
    assert len(request.prompts[0]) > BLOCK
    before = vllm._backend.cached_tokens()
    vllm.sample(request)
    vllm.sample(request)
    assert vllm._backend.cached_tokens() - before >= 4 * BLOCK
    learn(policy, 0.01, seed=99)
    vllm.sync(1000)
    assert agree(policy, request, vllm.sample(request))


def zeroed(vllm, adapter, _published):
    file = Path(adapter.path) / "adapter_model.safetensors"
    save_file(
        {name: torch.zeros_like(value) for name, value in load_file(file).items()}, file, {"format": "pt"}
    )
    return adapter


def stale(_vllm, adapter, published):
    published.append(adapter)
    return replace(adapter, path=published[0].path)


def without_a_module(_vllm, adapter, _published):
    file = Path(adapter.path) / "adapter_model.safetensors"
    tensors = load_file(file)
    for name in tensors:
        if "layers.1" in name and "down_proj" in name:
            tensors[name] = torch.zeros_like(tensors[name])
    save_file(tensors, file, {"format": "pt"})
    return adapter


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (zeroed, "deployed policy's adapter is not applied"),
        (stale, "deployed policy's adapter is stale: the engine answers as at step 2001"),
        (without_a_module, "log-probs of the deployed policy do not agree"),
    ],
)
def test_the_canary_catches_it(engine, monkeypatch, tamper, message):
    policy, vllm = engine
    publish, published = vllm._store.publish, []
    monkeypatch.setattr(vllm._store, "remove", lambda _: None)
    monkeypatch.setattr(vllm._store, "publish", lambda *asked: tamper(vllm, publish(*asked), published))
    request = request_of(policy, counts=(0, 1, 0))
    with pytest.raises(EngineError, match=message):  # noqa: PT012 - the stale one is so at its second sync
        for step in (2001, 2002):
            learn(policy, 0.02, seed=step)
            vllm.sync(step)
            vllm.sample(request)


def test_what_vllm_does_not_load_is_its_own_error(engine):
    _, vllm = engine
    with pytest.raises(EngineError, match="vLLM failed in `load`"):
        vllm._backend.load(Adapter(name="none", number=10_000, path="/nowhere"))


def test_a_model_that_vllm_cannot_serve_is_refused_by_name():
    from vgrout.rollouts.vllm import VllmEngine

    # Its heads are 16 wide, fewer than vLLM's kernels for the CPU take.
    with pytest.raises(
        ConfigError, match=r"vLLM cannot serve tiny random Qwen3 \(Qwen3ForCausalLM\): .*head_dim=16"
    ):
        VllmEngine(loaded_policy(None, rank=2), RolloutConfig(engine="vllm"))
