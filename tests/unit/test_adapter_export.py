"""Exported directories load in PEFT as standard LoRA and give the same logits."""

import json

import pytest
import torch
from safetensors.torch import load_file

from adapter_models import ids, randomise, tiny_qwen3
from vgrout.adapters import Lora2r, export_ablated, export_full
from vgrout.errors import ConfigError, StorageError

peft = pytest.importorskip("peft", reason="peft is a dependency, but the trainer runs without it")


def trained(dtype=torch.float32, targets=None):
    model = tiny_qwen3(dtype)
    adapter = Lora2r.attach(model, r=3, seed=2, targets=targets)
    randomise(adapter, scale=0.3)
    return model, adapter


@pytest.mark.parametrize("targets", [None, ["q_proj", "down_proj"], ["model.layers.1.mlp.up_proj"]])
@pytest.mark.parametrize("policy", ["full", "ablated"])
def test_peft_gives_the_same_logits(tmp_path, policy, targets):
    model, adapter = trained(targets=targets)
    tokens = ids(3, 8)
    export = {"full": export_full, "ablated": export_ablated}[policy]
    directory = export(adapter, tmp_path / "v1")
    with torch.no_grad(), adapter.ablated(1.0 if policy == "full" else 0.0):
        want = model(tokens).logits
    with torch.no_grad(), adapter.disabled():
        assert (model(tokens).logits - want).abs().max() > 1e-2  # the adapter matters
    loaded = peft.PeftModel.from_pretrained(tiny_qwen3(torch.float32), directory).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(tokens).logits, want, rtol=1e-5, atol=1e-5)
    config = json.loads((directory / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == (12 if policy == "full" else 6)
    adapted = [name for name, _ in loaded.named_modules() if name.endswith(".lora_A")]
    assert len(adapted) == len(adapter.module_names)


def test_default_targets_are_written_as_suffixes_and_odd_choices_as_full_names(tmp_path):
    _, adapter = trained()
    config = json.loads((export_full(adapter, tmp_path / "all") / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    _, adapter = trained(targets=["model.layers.1.mlp.up_proj"])
    config = json.loads((export_full(adapter, tmp_path / "one") / "adapter_config.json").read_text())
    assert config["target_modules"] == ["model.layers.1.mlp.up_proj"]


def test_a_served_version_is_never_overwritten(tmp_path):
    _, adapter = trained()
    directory = export_full(adapter, tmp_path / "v1")
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises(ConfigError, match="new directory"):
        export_ablated(adapter, tmp_path / "v1")
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    _, adapter = trained()

    def fail(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("vgrout.adapters.peft_io.save_file", fail)
    with pytest.raises(StorageError, match="v1: cannot be written: disk full"):
        export_full(adapter, tmp_path / "v1")
    assert list(tmp_path.iterdir()) == []


def test_a_bf16_base_exports_what_its_forward_uses(tmp_path):
    model, adapter = trained(torch.bfloat16)
    directory = export_full(adapter, tmp_path / "v1")
    wide = tiny_qwen3(torch.bfloat16).float()
    loaded = peft.PeftModel.from_pretrained(wide, directory).eval()
    tokens = ids(3, 8)

    with torch.no_grad():
        got, want = model(tokens).logits.float(), loaded(tokens).logits
        with adapter.disabled():
            effect = (model(tokens).logits.float() - want).norm()
    assert (got - want).norm() < 0.1 * effect  # 2 ** -9 a rounding, some dozen roundings deep


def test_weights_can_be_written_in_half_precision(tmp_path):
    _, adapter = trained()
    tensors = load_file(
        export_full(adapter, tmp_path / "v1", dtype=torch.bfloat16) / "adapter_model.safetensors"
    )
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
