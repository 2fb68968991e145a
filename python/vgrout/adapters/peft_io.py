"""Export as standard LoRA, which PEFT and vLLM load without knowing of blocks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from vgrout.adapters.lora2r import Lora2r
from vgrout.errors import ConfigError
from vgrout.files import new_folder


def export_full(adapter: Lora2r, directory: Path | str, *, dtype: torch.dtype | None = None) -> Path:
    """Write the policy with both blocks as a rank-4r LoRA.

    lora_A = [A ; ΔA], lora_B = [ΔB | B0], r = lora_alpha, so scaling is 1. `dtype` None keeps fp32.

    Raises:
        ConfigError: `directory` exists; a served adapter must never be overwritten.
    """
    return _export(adapter, directory, slice(None), dtype)


def export_ablated(adapter: Lora2r, directory: Path | str, *, dtype: torch.dtype | None = None) -> Path:
    """Write the deployed policy, without the quarantine, as a rank-2r LoRA; see `export_full`."""
    return _export(adapter, directory, slice(0, adapter.rank), dtype)


def _export(adapter: Lora2r, directory: Path | str, rows: slice, dtype: torch.dtype | None) -> Path:
    target = Path(directory)
    if target.exists():
        raise ConfigError(f"export: {target} exists; give a new directory for every version")
    tensors: dict[str, Tensor] = {}
    for layer in adapter.layers:
        w = layer.weights()
        key = f"base_model.model.{layer.name}"
        lora_a = torch.cat([w["a"][rows], w["delta_a"][rows]])
        lora_b = torch.cat([w["delta_b_t"][rows], w["b0_t"][rows]]).T
        tensors[f"{key}.lora_A.weight"] = lora_a.to("cpu", dtype or lora_a.dtype).contiguous()
        tensors[f"{key}.lora_B.weight"] = lora_b.to("cpu", dtype or lora_b.dtype).contiguous()
    rank = next(iter(tensors.values())).shape[0]
    with new_folder(target) as partial:
        save_file(tensors, partial / "adapter_model.safetensors", metadata={"format": "pt"})
        (partial / "adapter_model.safetensors").chmod(0o644)
        (partial / "adapter_config.json").write_text(json.dumps(_config(adapter, rank), indent=2) + "\n")
    return target


def _config(adapter: Lora2r, rank: int) -> dict[str, object]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": adapter.base_name,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "target_modules": _suffixes(adapter),
    }


def _suffixes(adapter: Lora2r) -> list[str]:
    """Leaf names where they pick exactly the adapted modules, full names otherwise."""
    leaves = sorted({name.rsplit(".", 1)[-1] for name in adapter.module_names})
    pattern = re.compile(rf"(?:.*\.)?(?:{'|'.join(map(re.escape, leaves))})")
    picked = {name for name in adapter.base_module_names if pattern.fullmatch(name)}
    return leaves if picked == set(adapter.module_names) else sorted(adapter.module_names)
