"""Engines that serve adapters: what is exported, what is asked, and what the canary notices."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from served_model import HonestBackend, answer_logprobs, learn, served_engine
from tiny import tiny_config, tiny_policy, tiny_run
from vgrout import registry
from vgrout.errors import ConfigError, EngineError
from vgrout.rollouts.base import SampleRequest
from vgrout.rollouts.lora_engine import LoraEngine, check_version, served_rank
from vgrout.rollouts.rows import Kind, rows_of
from vgrout.rollouts.served import new_work_folder, perturbed


def request_of(policy, **changes) -> SampleRequest:
    request = SampleRequest(
        prompts=tuple(policy.encode(text) for text in ("Sort the list.", "Add a and b.", "x")),
        counts=(2, 1, 0),
        ablated=(False, True, True),
        max_new_tokens=6,
        temperature=0.7,
        top_p=1.0,
        top_k=0,
        seed=3,
    )
    return replace(request, **changes)


def test_both_policies_are_sampled_in_one_call_with_the_trainers_logprobs(tmp_path):
    policy, backend, engine = served_engine(tmp_path)
    learn(policy)
    engine.sync(1)
    request = request_of(policy)
    answers = engine.sample(request)
    full, deployed = backend.calls[-1][0], backend.calls[-1][2]
    assert [answer.prompt_index for answer in answers] == [0, 0, 1]
    assert backend.calls[-1] == [full, full, deployed]
    assert full != deployed
    for answer in answers:
        expected = answer_logprobs(policy, request, answer)
        assert torch.allclose(torch.tensor(answer.logprobs), expected, atol=2e-6, rtol=0)
    assert engine.sample(request) == answers


def test_a_scaled_quarantine_is_exported_as_such(tmp_path):
    policy, _, engine = served_engine(tmp_path)
    learn(policy, 0.05)
    engine.sync(1)
    request = request_of(policy, ablated=(False, False, False), quarantine_scale=0.5)
    for answer in engine.sample(request):
        expected = answer_logprobs(policy, request, answer, scale=0.5)
        assert torch.allclose(torch.tensor(answer.logprobs), expected, atol=2e-6, rtol=0)


def test_every_sync_serves_a_new_name_and_path_and_leaves_nothing_old(tmp_path):
    policy, backend, engine = served_engine(tmp_path)
    for step in (1, 2, 3):
        learn(policy, seed=step)
        engine.sync(step)
        engine.sample(request_of(policy))
        assert sorted(backend.weights) == sorted(set(backend.calls[-1]))
        assert len(list(tmp_path.iterdir())) == 2
    loaded = [name for what, name in backend.log if what == "load"]
    assert len(set(loaded)) == len(loaded) == 8


def test_a_policy_that_is_not_sampled_from_is_not_exported(tmp_path):
    policy, backend, engine = served_engine(tmp_path)
    engine.sync(1)
    engine.sample(request_of(policy, ablated=(True, True, True)))
    assert len([name for what, name in backend.log if what == "load"]) == 3


def test_rows_have_seeds_of_their_own_that_the_rows_beside_them_do_not_change():
    policy = tiny_policy(rank=2)
    request = request_of(policy, counts=(3, 2, 1))
    rows = rows_of(request, ["a", "b", "c"])
    assert len({row.seed for row in rows}) == 6
    assert rows_of(request_of(policy, counts=(3, 0, 0)), ["a", "", ""]) == rows[:3]
    assert {row.seed for row in rows_of(replace(request, seed=4), ["a"] * 3)}.isdisjoint(
        row.seed for row in rows
    )


def test_the_base_model_is_never_asked_beside_an_adapter_nor_after_one_is_loaded(tmp_path):
    policy, backend, engine = served_engine(tmp_path)
    engine.sync(1)
    engine.sample(request_of(policy))
    assert [set(call) == {None} for call in backend.calls] == [True] + [False] * (len(backend.calls) - 1)
    assert all(None not in call for call in backend.calls[1:])


class WrongBackend(HonestBackend):
    """After set-up it serves what `swap` makes of the folder."""

    swap = staticmethod(lambda backend, adapter, weights: weights)

    def read(self, adapter):
        weights = super().read(adapter)
        return weights if "set-up" in adapter.name else self.swap(self, adapter, weights)


def zeroed(_backend, _adapter, weights):
    return {name: torch.zeros_like(weight) for name, weight in weights.items()}


def stale(backend, adapter, weights):
    kind = adapter.name.rsplit("-", 1)[-1]
    return backend.__dict__.setdefault("first_of", {}).setdefault(kind, weights)


def one_module_short(_backend, _adapter, weights):
    return dict(list(weights.items())[1:])


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (zeroed, "canary, step 2: the full policy's adapter is not applied"),
        (stale, "canary, step 2: the full policy's adapter is stale: the engine answers as at step 1"),
        (one_module_short, "canary, step 1: the engine's log-probs of the full policy do not agree"),
    ],
)
def test_a_zeroed_a_stale_and_a_wrong_adapter_stop_the_run(tmp_path, swap, message):
    kind = type("Backend", (WrongBackend,), {"swap": staticmethod(swap)})
    policy, _, engine = served_engine(tmp_path, kind)
    with pytest.raises(EngineError, match=message):  # noqa: PT012 - which of the two steps is part of the claim
        for step in (1, 2):
            # At step 1 the adapter is as good as none: what is zeroed then changes nothing that could be noticed.
            learn(policy, 1e-9 if swap is zeroed and step == 1 else 0.01, seed=step)
            engine.sync(step)
            engine.sample(request_of(policy))


def test_the_other_policys_adapter_is_named(tmp_path):
    class Swapping(HonestBackend):
        def read(self, adapter):
            return super().read(replace(adapter, path=adapter.path.replace("2-deployed", "1-full")))

    with pytest.raises(
        EngineError, match=r"set-up: .* deployed policy do not agree .* they are those of the full policy"
    ):
        served_engine(tmp_path, Swapping)


def test_an_engine_that_applies_no_adapter_is_refused_at_set_up_and_closed(tmp_path):
    closed = []

    class Deaf(HonestBackend):
        def read(self, adapter):
            return {}

        def close(self):
            closed.append(True)

    with pytest.raises(EngineError, match=r"set-up: the full policy's adapter is not applied"):
        served_engine(tmp_path, Deaf)
    assert closed


def test_logprobs_at_temperature_one_are_named(tmp_path):
    class Raw(HonestBackend):
        def draw(self, row, sampling):
            drawn = super().draw(row, sampling)
            ids = torch.tensor([[*row.prompt, *drawn.tokens]])
            modules = dict(self.model.named_modules())
            changes = {} if row.adapter is None else self.weights[row.adapter]
            with torch.no_grad():
                for name, change in changes.items():
                    modules[name].weight += change
                logits = self.model(ids).logits[0, len(row.prompt) - 1 : -1]
                for name, change in changes.items():
                    modules[name].weight -= change
            own = logits.log_softmax(-1).gather(1, torch.tensor(drawn.tokens)[:, None])[:, 0]
            return drawn._replace(logprobs=tuple(own.tolist()))

    with pytest.raises(
        EngineError, match=r"temperature 1\nhint: a server needs `--logprobs-mode processed_logprobs`"
    ):
        served_engine(tmp_path, Raw)


def test_a_bound_of_ones_own_is_kept(tmp_path):
    kind = type("Backend", (WrongBackend,), {"swap": staticmethod(one_module_short)})
    policy, _, engine = served_engine(tmp_path, kind, canary_nats=10.0)
    learn(policy)
    engine.sync(1)
    assert len(engine.sample(request_of(policy))) == 3


def test_trying_an_engine_leaves_the_adapter_as_it_was_bit_for_bit():
    policy = tiny_policy(rank=2, noise=0.3)
    before = policy.adapter.state_dict()["deltas"]
    with contextlib.suppress(KeyError), perturbed(policy.adapter):
        assert all(bool(parameter.any()) for parameter in policy.adapter.parameters())
        raise KeyError
    after = policy.adapter.state_dict()["deltas"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_temperature_that_vllm_takes_for_none_is_refused(tmp_path):
    policy, _, engine = served_engine(tmp_path)
    with pytest.raises(ConfigError, match=r"temperature: 0.001 is below the 0.01"):
        engine.sample(request_of(policy, temperature=0.001))


def test_a_rank_that_vllm_does_not_serve_is_refused():
    with pytest.raises(
        ConfigError, match=r"adapter.rank: 129 makes a LoRA of rank 516, and vLLM serves at most 512"
    ):
        served_rank(tiny_policy(rank=129))


@pytest.mark.parametrize("version", ["0.31.9", "0.34.0", "1.0", "0.4.2"])
def test_other_versions_of_vllm_are_refused_with_the_range(version):
    with pytest.raises(ConfigError, match=rf"is vLLM {version}, expected >=0.32,<0.34"):
        check_version(version, "the installed one", missing="")


@pytest.mark.parametrize("version", ["0.32.0", "0.33.1", "0.32.0+cpu", "0.33.0rc1"])
def test_versions_in_the_range_are_taken(version):
    check_version(version, "the installed one", missing="")


def test_without_vllm_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("vgrout.rollouts.vllm.version_of", lambda _: None)
    config = tiny_config(tmp_path / "run", rollouts__engine="vllm")
    with pytest.raises(
        ConfigError, match=r"vllm needs vLLM >=0.32,<0.34.*\nhint: `pip install 'vgrout\[vllm\]'`"
    ):
        tiny_run(config)
    assert not (tmp_path / "run").exists()


def test_a_folder_for_adapters_must_be_one(tmp_path):
    with pytest.raises(ConfigError, match=r"rollouts.adapter_dir: .*nowhere is not a folder"):
        new_work_folder(tmp_path / "nowhere")
    assert new_work_folder(tmp_path).parent == tmp_path


@pytest.mark.parametrize(
    ("engine", "url", "said"),
    [
        ("vllm-server", None, "None is no address"),
        ("vllm-server", "localhost:8000", "'localhost:8000' is no address"),
        ("vllm", "http://localhost:1", "http://localhost:1 does not go with rollouts.engine = vllm"),
        ("hf", "http://localhost:1", "http://localhost:1 does not go with rollouts.engine = hf"),
    ],
)
def test_an_address_goes_with_a_server_and_with_nothing_else(tmp_path, engine, url, said):
    config = tiny_config(tmp_path / "run", rollouts__engine=engine, rollouts__url=url)
    with pytest.raises(ConfigError, match=f"rollouts.url: {said}"):
        tiny_run(config)


class DyingEngine(LoraEngine):
    """Serves honestly, and is gone at step 3."""

    def __init__(self, policy, config):
        folder = new_work_folder(None)
        super().__init__(policy, config, HonestBackend(policy, folder), folder)
        DyingEngine.folder = folder

    def sync(self, step: int) -> None:
        if step == 3:
            raise EngineError("the engine's process has ended")
        super().sync(step)


@pytest.mark.slow
def test_a_run_whose_engine_dies_keeps_the_last_whole_step_and_goes_on_from_it(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "served", "test_lora_engine:DyingEngine")
    config = tiny_config(tmp_path / "run", rollouts__engine="served", steps=3, checkpoint_every=20)
    with pytest.raises(
        EngineError, match=r"has ended\nhint: saved after step 2; go on with `vgrout-train smoke --resume"
    ):
        tiny_run(config)
    assert not DyingEngine.folder.exists()
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2]
    monkeypatch.setitem(registry.ENGINES, "served", "test_lora_engine:HonestEngine")
    tiny_run(replace(config, run_dir=None, resume=tmp_path / "run"))
    tiny_run(replace(config, run_dir=tmp_path / "whole"))
    for name in ("metrics.jsonl", "rollouts.jsonl", "eval.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


class HonestEngine(LoraEngine):
    """Serves honestly."""

    def __init__(self, policy, config):
        folder = new_work_folder(None)
        super().__init__(policy, config, HonestBackend(policy, folder), folder)


def test_mismatch_is_told_by_policy_and_zone(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "honest", "test_lora_engine:HonestEngine")
    config = tiny_config(tmp_path / "run", rollouts__engine="honest", rollouts__deploy_share=0.5)
    tiny_run(config)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    told = [row for row in rows if row["sampler_gap_by_policy"]]
    assert set().union(*(row["sampler_gap_by_policy"] for row in told)) == {"deployed", "as_trained"}
    for row in told:
        for name in ("sampler_gap_by_policy", "sampler_gap_by_zone"):
            assert max(row[name].values()) <= row["sampler_gap_max"] <= 1e-4
            assert min(row[name].values()) <= row["sampler_gap_mean"] <= max(row[name].values())


class BiasedEngine(HonestEngine):
    """Says log-probabilities that are off by a constant, within the canary's bound."""

    def sample(self, request, progress=None):
        answers = super().sample(request, progress)
        return tuple(
            replace(answer, logprobs=tuple(value - 0.5 for value in answer.logprobs)) for answer in answers
        )


def test_the_correction_weighs_own_tokens_and_is_off_by_default(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "honest", "test_lora_engine:HonestEngine")
    monkeypatch.setitem(registry.ENGINES, "biased", "test_lora_engine:BiasedEngine")
    monkeypatch.setattr("vgrout.train.session.check_model", lambda *_, **__: None)
    norms = {}
    for engine, correction in (("honest", "none"), ("biased", "none"), ("biased", "truncated")):
        where = tmp_path / f"{engine}-{correction}"
        config = tiny_config(where, steps=1, rollouts__engine=engine, loss__sampler_correction=correction)
        tiny_run(config)
        row = json.loads((where / "metrics.jsonl").read_text())
        norms[engine, correction] = row["deployed_gradient_norm"]
    assert norms["honest", "none"] == norms["biased", "none"] != norms["biased", "truncated"]


def test_work_folders_are_in_shared_memory_by_default():
    folder = new_work_folder(None)
    try:
        assert folder.parent == Path("/dev/shm")
    finally:
        folder.rmdir()


def test_kinds_have_names():
    kinds = [Kind(ablated=True), Kind(ablated=False), Kind(ablated=False, scale=0.5)]
    assert [kind.label for kind in kinds] == ["deployed", "full", "scaled"]
