"""Which base an adapter was trained on, told by a few of its weights."""

import hashlib
from collections.abc import Iterable

import torch
from torch import nn

SAMPLED = 64
"""Weights that are read of each Linear: enough to tell any two models apart, and nothing to wait for at 4B."""


def is_sharded(linears: Iterable[nn.Linear]) -> bool:
    """Some of the weights lie in pieces on several ranks."""
    return any(hasattr(linear.weight, "full_tensor") for linear in linears)


def base_fingerprint(linears: Iterable[nn.Linear]) -> str:
    """A digest of the shapes and of evenly spaced weights of the adapted Linears."""
    digest = hashlib.sha256()
    for linear in linears:
        weight = linear.weight.detach()
        if hasattr(weight, "full_tensor"):
            # All ranks are here together; one weight at a time is whole.
            weight = weight.full_tensor()
        flat = weight.flatten()
        places = torch.linspace(0, flat.numel() - 1, min(SAMPLED, flat.numel()), dtype=torch.float64).long()
        digest.update(str(tuple(weight.shape)).encode())
        digest.update(flat[places.to(flat.device)].to("cpu", torch.float32).numpy().tobytes())
    return digest.hexdigest()[:16]
