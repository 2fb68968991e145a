"""A float32 output head above a bfloat16 base, and bases that cannot be trained exactly."""

import json

import pytest
import torch

from tiny import tiny_config, tiny_run
from vgrout.artifacts import ROLLOUTS, read_records
from vgrout.config import AdapterConfig, BaseConfig
from vgrout.errors import ConfigError
from vgrout.grpo.logprobs import hidden_logprobs_and_entropy
from vgrout.policy.model import load_policy


def policy_of(dtype, head_dtype=None):
    torch.set_num_threads(1)
    base = BaseConfig(dtype=dtype, head_dtype=head_dtype)
    return load_policy(None, base, AdapterConfig(rank=2), device="cpu", seed=0)


def test_logits_of_a_float32_head_are_those_of_its_states():
    generator = torch.Generator().manual_seed(0)
    targets, seen = torch.arange(20, 60)[None], torch.ones(1, 40, dtype=torch.bool)
    gaps = []
    for head_dtype in (None, "float32"):
        model = policy_of("bfloat16", head_dtype).model
        weight = model.get_output_embeddings().weight
        states = 8 * torch.randn(1, 40, weight.shape[1], generator=generator).bfloat16()
        wanted = (states.double() @ weight.double().T / 0.7).log_softmax(-1).gather(-1, targets[..., None])
        found, _ = hidden_logprobs_and_entropy(model, states, targets, seen, temperature=0.7)
        gaps.append(float((found - wanted[..., 0]).abs().mean()))
    assert gaps[0] > 1e-3
    assert gaps[1] < 1e-5


def test_only_the_head_is_wide_and_a_float32_model_keeps_its_own():
    policy = policy_of("bfloat16", "float32")
    head = policy.model.get_output_embeddings()
    assert head.weight.dtype == torch.float32
    assert policy.model.get_input_embeddings().weight.dtype == torch.bfloat16
    assert not head.weight.requires_grad
    plain = policy_of("float32", "float32").model
    assert plain.get_output_embeddings().weight is plain.get_input_embeddings().weight


def test_a_run_samples_and_trains_by_the_wide_head(tmp_path):
    config = tiny_config(tmp_path / "run", base__dtype="bfloat16", base__head_dtype="float32", steps=2)
    run = tiny_run(config)
    rows = [
        row for row in read_records(run.run_dir / "rollouts.jsonl", ROLLOUTS) if row["source"] == "policy"
    ]
    assert rows
    saved = json.loads((run.run_dir / "config.json").read_text(encoding="utf-8"))
    assert saved["base"]["head_dtype"] == "float32"


def test_quantised_weights_are_refused_before_they_are_loaded(tmp_path):
    policy = policy_of("float32")
    policy.model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    file.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"holds quantised weights \(bitsandbytes\).*\nhint: take the model"
    ):
        load_policy(str(tmp_path), BaseConfig(), AdapterConfig(rank=2), device="cpu", seed=0)
