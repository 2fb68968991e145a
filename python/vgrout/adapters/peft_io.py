"""Export as standard LoRA, which PEFT and vLLM load without knowing of blocks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import conversion_mapping

from vgrout.adapters.fused import PARAMETER_NAMES
from vgrout.adapters.lora2r import Lora2r
from vgrout.errors import ConfigError, DataError
from vgrout.files import new_folder, writing

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
    _refuse_unloadable(adapter)
    with new_folder(target) as partial, writing(target):
        _write(adapter, partial, rows, dtype, quarantine_scale)
    return target


def write_adapter(
    adapter: Lora2r, folder: Path, *, blocks: Literal["deployed", "both"], dtype: torch.dtype
) -> int:
    """Put the files of `export_ablated` or `export_full` into an empty folder; give the LoRA's rank.

    Raises:
        ConfigError: PEFT could not load the result (`unloadable`).
    """
    _refuse_unloadable(adapter)
    return _write(adapter, folder, slice(None if blocks == "both" else adapter.rank), dtype, 1.0)


def _refuse_unloadable(adapter: Lora2r) -> None:
    refused = unloadable(adapter)
    if refused:
        others = sorted({name.rsplit(".", 1)[-1] for name in adapter.module_names} - set(refused))
        raise ConfigError(
            f"export: PEFT takes {', '.join(refused)} of this {adapter.base_config.model_type} model for something "
            f"else, and would not load them\nhint: train with `--adapter.targets {' '.join(others)}`"
        )


def _write(
    adapter: Lora2r, folder: Path, rows: slice, dtype: torch.dtype | None, quarantine_scale: float
) -> int:
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
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_model.safetensors").chmod(0o644)
    (folder / "adapter_config.json").write_text(json.dumps(_config(adapter, rank), indent=2) + "\n")
    return rank


def exported_deltas(adapter: Lora2r, folder: Path) -> dict[str, Tensor]:
    """The Δs of the LoRA in `folder` by their names in `Lora2r.state_dict`; a quarantine that it lacks is zero.

    Raises:
        DataError: it is no export of this package, or of another model, rank or seed.
    """
    file = folder / "adapter_model.safetensors"
    hint = "\nhint: give a folder that `vgrout export` wrote, and the rank, targets and seed of the run it came from"
    try:
        held = load_file(file)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{file}: cannot be read: {error}{hint}") from error
    found: dict[str, Tensor] = {}
    for layer in adapter.layers:
        pair = [held.pop(f"base_model.model.{layer.name}.lora_{half}.weight", None) for half in "AB"]
        if pair[0] is None or pair[1] is None:
            raise DataError(f"{file}: holds nothing for {layer.name}{hint}")
        names = [f"{layer.name}.{name}" for name in PARAMETER_NAMES]
        parts = _deltas_of(layer.weights(), pair[0].float(), pair[1].float().T, adapter.rank)
        if parts is None:
            raise DataError(f"{file}: {layer.name} is not of this adapter's rank, seed or form{hint}")
        found |= dict(zip(names, parts, strict=True))
    if held:
        raise DataError(f"{file}: holds {next(iter(held))}, which this adapter does not have{hint}")
    return found


def _deltas_of(own: dict[str, Tensor], a: Tensor, b_t: Tensor, r: int) -> list[Tensor] | None:
    """ΔA and ΔBᵀ of both blocks, deployed first, from lora_A and lora_Bᵀ; None where these are of another adapter."""
    rows = a.shape[0] // 2
    initial = (own["a"] - own["delta_a"]).float().cpu()[:rows]
    fits = (
        rows in (r, 2 * r)
        and a.shape[1] == initial.shape[1]
        and b_t.shape == (2 * rows, own["b0_t"].shape[1])
    )
    bound = 0.02 * float(initial.abs().max())  # what bfloat16 leaves
    if not fits or (a[:rows] - a[rows:] - initial).abs().max() > bound:
        return None
    if (b_t[rows:] - own["b0_t"].float().cpu()[:rows]).abs().max() > 0.02 * float(own["b0_t"].abs().max()):
        return None
    empty = [torch.zeros(2 * r - rows, part.shape[1]) for part in (a, b_t)]
    delta_a, delta_b = torch.cat([a[rows:], empty[0]]), torch.cat([b_t[:rows], empty[1]])
    return [delta_a[:r], delta_a[r:], delta_b[:r], delta_b[r:]]


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
