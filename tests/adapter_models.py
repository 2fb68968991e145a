"""Tiny models and a naive reference of the adapter, for the adapter's, gate's and loss's tests."""

import torch
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from vgrout.adapters import Lora2r, RouteMask

VOCAB = 61


def tiny_qwen3(dtype: torch.dtype = torch.float64, layers: int = 2, seed: int = 0) -> Qwen3ForCausalLM:
    """A two-layer Qwen3 with random weights, untied head, in eval mode."""
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return Qwen3ForCausalLM(config).to(dtype).eval()


def one_linear(d_in: int = 7, d_out: int = 5, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
    """A model of a single `q_proj`."""
    torch.manual_seed(seed)
    model = nn.Module()
    model.q_proj = nn.Linear(d_in, d_out, dtype=dtype)
    model.forward = model.q_proj.__call__
    return model


def randomise(adapter: Lora2r, scale: float = 0.1, seed: int = 1) -> None:
    """Random non-zero Δs, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def ids(rows: int, length: int, seed: int = 3) -> Tensor:
    return torch.randint(3, VOCAB, (rows, length), generator=torch.Generator().manual_seed(seed))


def mask_of(zones: str) -> RouteMask:
    """`k`, `a`, `r` per row: keep, absorb, rout."""
    return RouteMask(
        quarantine_on=torch.tensor([zone != "k" for zone in zones]),
        deployed_frozen=torch.tensor([zone == "r" for zone in zones]),
    )


def gradients(adapter: Lora2r) -> dict[str, Tensor]:
    """Gradients by name (zero where None), and a clean slate."""
    grads = {}
    for name, parameter in adapter.named_parameters():
        grads[name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        parameter.grad = None
    return grads


class NaiveLinear(nn.Module):
    """The definition of lora2r in output space with plain autograd: sums, subtractions, detaches, two branches.

    y = W x + dep + m · quar, dep detached where d; each branch is B_k A_k x - B0_k A0_k x.
    """

    def __init__(self, linear: nn.Linear, adapter: Lora2r, index: int) -> None:
        super().__init__()
        self.linear = linear
        block = adapter.layers[index]
        r = adapter.rank
        a0, b0 = block.down[: 2 * r], block.up_t[2 * r :].T
        a_dep, a_quar, b_dep, b_quar = (p.detach() for p in block.parameters)
        self.a0 = [a0[:r].clone(), a0[r:].clone()]
        self.b0 = [b0[:, :r].clone(), b0[:, r:].clone()]
        self.a = nn.ParameterList([self.a0[0] + a_dep, self.a0[1] + a_quar])
        self.b = nn.ParameterList([self.b0[0] + b_dep.T, self.b0[1] + b_quar.T])
        self.mask: RouteMask | None = None

    def branch(self, k: int, x: Tensor) -> Tensor:
        return x @ self.a[k].T @ self.b[k].T - x @ self.a0[k].T @ self.b0[k].T

    def forward(self, x: Tensor) -> Tensor:
        dep, quar = self.branch(0, x), self.branch(1, x)
        if self.mask is None:
            return self.linear(x) + dep + quar
        shape = (-1, *[1] * (x.dim() - 1))
        m = self.mask.quarantine_on.to(x).reshape(shape)
        d = self.mask.deployed_frozen.to(x).reshape(shape)
        return self.linear(x) + (1 - d) * dep + d * dep.detach() + m * quar


def naive_copy(model: nn.Module, adapter: Lora2r, fresh: nn.Module) -> dict[str, NaiveLinear]:
    """Replace the adapted Linears of `fresh` (same weights as `model`, no adapter) by naive ones."""
    fresh.load_state_dict(model.state_dict())
    layers = {}
    for index, name in enumerate(adapter.module_names):
        parent_name, _, leaf = name.rpartition(".")
        parent = fresh.get_submodule(parent_name)
        layers[name] = NaiveLinear(getattr(parent, leaf), adapter, index)
        setattr(parent, leaf, layers[name])
    for parameter in fresh.parameters():
        parameter.requires_grad_(False)
    for layer in layers.values():
        layer.a.requires_grad_(True)
        layer.b.requires_grad_(True)
    return layers
