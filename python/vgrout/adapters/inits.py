"""Frozen initial copies A0, B0 and the choice of the Linears that carry an adapter."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vgrout.errors import ConfigError

DEFAULT_TARGETS: tuple[str, ...] = (
    # attention and MLP
    *("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"),
    *("gate_proj", "up_proj", "down_proj", "gate_up_proj"),
    # linear attention of hybrid models: gated delta net, short convolution, state-space mixers
    *("in_proj", "in_proj_qkvz", "in_proj_ba", "in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a"),
    *("a_proj", "b_proj", "g_proj", "out_proj"),
)
"""Leaf names of the Linears that are adapted when `targets` is None; those a model lacks are passed over."""

_EXPERTS = ("experts", "shared_expert", "shared_experts")


def module_seed(seed: int, name: str) -> int:
    """A seed in [0, 2^63) that depends on the run's seed and the module's name only.

    So neither the order of the modules nor the choice of targets changes any module's initialisation.
    """
    digest = hashlib.sha256(f"lora2r/{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def gaussian_inits(
    seed: int, name: str, rank: int, d_in: int, d_out: int
) -> tuple[Float[Tensor, "two_r d_in"], Float[Tensor, "two_r d_out"]]:
    """A0 ~ N(0, 1/d_in) and B0ᵀ ~ N(0, 1/2r), drawn in fp32 on the CPU whatever the model's device.

    Rows `[:r]` belong to the deployed block, `[r:]` to the quarantine; B0 is transposed so that both read alike.
    """
    generator = torch.Generator(device="cpu").manual_seed(module_seed(seed, name))
    a0 = torch.randn(2 * rank, d_in, generator=generator, dtype=torch.float32) / d_in**0.5
    b0_t = torch.randn(2 * rank, d_out, generator=generator, dtype=torch.float32) / (2 * rank) ** 0.5
    return a0, b0_t


def select_targets(model: nn.Module, targets: Sequence[str] | None) -> dict[str, nn.Linear]:
    """The Linears to adapt, by full module name, in the model's order; never the language-model head.

    A target is a leaf name (`q_proj`), a dotted suffix (`self_attn.q_proj`) or a full name. The experts of a
    mixture are left out by default, because they see tokens without their rows.

    Raises:
        ConfigError: a target matches no Linear, or matches the head or something that is no Linear.
    """
    linears = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    heads = {name for name, module in linears.items() if _is_head(model, name, module)}
    bodies = {name: module for name, module in linears.items() if name not in heads}
    available = sorted({name.rsplit(".", 1)[-1] for name in bodies})
    if targets is None:
        chosen = {
            name: module
            for name, module in bodies.items()
            if name.rsplit(".", 1)[-1] in DEFAULT_TARGETS and not set(_EXPERTS) & set(name.split("."))
        }
        if not chosen:
            name = type(model).__name__
            if not available:
                raise ConfigError(f"adapter.targets: {name} has no Linear that an adapter could stand on")
            raise ConfigError(
                f"adapter.targets: no default target in {name}; its Linears are {', '.join(available)}"
                "\nhint: name some with `--adapter.targets`"
            )
        return chosen
    if isinstance(targets, str) or not targets:
        raise ConfigError(
            f"adapter.targets: {targets!r}, expected a non-empty sequence of names out of {available}"
        )
    for target in targets:
        if any(_matches(name, target) for name in heads):
            raise ConfigError(
                f"adapter.targets: {target!r} is the language-model head, which is never adapted"
            )
        if not any(_matches(name, target) for name in bodies):
            raise ConfigError(
                f"adapter.targets: {target!r} names no Linear of {type(model).__name__}; available: {available}"
            )
    return {name: module for name, module in bodies.items() if any(_matches(name, t) for t in targets)}


def left_out(model: nn.Module, chosen: Collection[str]) -> list[str]:
    """What of the model no adapter is on, but for the head: leaf names of Linears, and `experts` for a mixture's."""
    names = set()
    for name, module in model.named_modules():
        if set(_EXPERTS) & set(name.split(".")):
            names.add("experts")
        elif isinstance(module, nn.Linear) and name not in chosen and not _is_head(model, name, module):
            names.add(name.rsplit(".", 1)[-1])
    return sorted(names)


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _is_head(model: nn.Module, name: str, module: nn.Linear) -> bool:
    get_head = getattr(model, "get_output_embeddings", None)
    head = get_head() if callable(get_head) else None
    return module is head or name.rsplit(".", 1)[-1] in {"lm_head", "embed_out"}
