"""Export as standard LoRA, which PEFT and vLLM load without knowing of blocks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import conversion_mapping

from vgrout.adapters.lora2r import Lora2r
from vgrout.errors import ConfigError
from vgrout.files import new_folder

_EXPERT_NAMES = frozenset({"gate", "gate_proj", "up_proj", "down_proj"})
"""What PEFT reads as a mixture's router and fused experts."""
_STATE_SPACE_FAMILIES = frozenset({"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"})


def export_full(
    adapter: Lora2r,
    directory: Path | str,
    *,
    dtype: torch.dtype | None = None,
    quarantine_scale: float = 1.0,
) -> Path:
    """Write the policy with both blocks as a rank-4r LoRA.

    lora_A = [A ; ΔA], lora_B = [ΔB | B0], r = lora_alpha, so scaling is 1. `dtype` None keeps fp32. The quarantine's
    rows of lora_A are multiplied by `quarantine_scale`, and with them its contribution.

    Raises:
        ConfigError: `directory` exists; a served adapter must never be overwritten. Or PEFT could not load the
            result (`unloadable`).
    """
    return _export(adapter, directory, slice(None), dtype, quarantine_scale)


def export_ablated(adapter: Lora2r, directory: Path | str, *, dtype: torch.dtype | None = None) -> Path:
    """Write the deployed policy, without the quarantine, as a rank-2r LoRA; see `export_full`."""
    return _export(adapter, directory, slice(0, adapter.rank), dtype, 1.0)


def _export(
    adapter: Lora2r, directory: Path | str, rows: slice, dtype: torch.dtype | None, quarantine_scale: float
) -> Path:
    target = Path(directory)
    if target.exists():
        raise ConfigError(f"export: {target} exists; give a new directory for every version")
    refused = unloadable(adapter)
    if refused:
        others = sorted({name.rsplit(".", 1)[-1] for name in adapter.module_names} - set(refused))
        raise ConfigError(
            f"export: PEFT takes {', '.join(refused)} of this {adapter.base_config.model_type} model for something "
            f"else, and would not load them\nhint: train with `--adapter.targets {' '.join(others)}`"
        )
    tensors: dict[str, Tensor] = {}
    for layer in adapter.layers:
        w = layer.weights()
        key = f"base_model.model.{layer.name}"
        scale = torch.ones_like(w["a"][:, :1])
        scale[adapter.rank :] = quarantine_scale
        lora_a = torch.cat([(w["a"] * scale)[rows], (w["delta_a"] * scale)[rows]])
        lora_b = torch.cat([w["delta_b_t"][rows], w["b0_t"][rows]]).T
        tensors[f"{key}.lora_A.weight"] = lora_a.to("cpu", dtype or lora_a.dtype).contiguous()
        tensors[f"{key}.lora_B.weight"] = lora_b.to("cpu", dtype or lora_b.dtype).contiguous()
    rank = next(iter(tensors.values())).shape[0]
    with new_folder(target) as partial:
        save_file(tensors, partial / "adapter_model.safetensors", metadata={"format": "pt"})
        (partial / "adapter_model.safetensors").chmod(0o644)
        (partial / "adapter_config.json").write_text(json.dumps(_config(adapter, rank), indent=2) + "\n")
    return target


def unloadable(adapter: Lora2r) -> list[str]:
    """Leaf names of the adapted modules that PEFT does not load as what they are.

    In mixtures whose experts transformers has fused PEFT reads the experts' old names as the fused parameters, also
    where they are those of a dense or shared layer; and it takes no output projection of a state-space model.
    """
    # PEFT reads the same table of transformers (peft.utils.transformers_weight_conversion).
    layouts = vars(conversion_mapping).get("_MODEL_TO_CONVERSION_PATTERN", {})
    family = getattr(adapter.base_config, "model_type", None)
    names = _EXPERT_NAMES if layouts.get(family) == "qwen2_moe" else frozenset()
    if family in _STATE_SPACE_FAMILIES:
        names |= {"out_proj"}
    return sorted(names & {name.rsplit(".", 1)[-1] for name in adapter.module_names})


def _config(adapter: Lora2r, rank: int) -> dict[str, object]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(getattr(adapter.base_config, "_name_or_path", "") or ""),
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
