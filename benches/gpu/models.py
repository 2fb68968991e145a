"""Models built from a configuration, rows to train on, and the plain adapter that a user would write by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from harness import Bench, Sizes
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from vgrout.adapters import Lora2r, RouteMask

DELTA_SCALE = 0.05


def qwen3(
    sizes: Sizes, device: torch.device, dtype: torch.dtype, *, layers: int | None = None, seed: int = 0
) -> Any:
    """Give a random model of the shape in `sizes`, made on the device itself."""
    config = Qwen3Config(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        intermediate_size=sizes.intermediate,
        num_hidden_layers=layers or sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.kv_heads,
        head_dim=sizes.head_dim,
        max_position_embeddings=40_960,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    return model.eval().requires_grad_(requires_grad=False)


def large_model(bench: Bench) -> Any:
    """Give the model of full shape in bf16; made once in a process."""
    if "model" not in bench.kept:
        with bench.peak() as memory:
            timing = bench.timed(
                lambda _: bench.kept.update(model=qwen3(bench.sizes, bench.device, torch.bfloat16)),
                repeats=1,
                warmup=0,
            )
        count = sum(parameter.numel() for parameter in bench.kept["model"].parameters())
        bench.record("model_built", parameters=count, **timing.fields(), **memory)
    return bench.kept["model"]


SMALL = Sizes(
    layers=2, hidden=256, intermediate=512, heads=4, kv_heads=2, head_dim=64, vocabulary=1009, rank=8
)
"""Heads wide enough for every attention kernel."""


def small_model(bench: Bench, dtype: torch.dtype, device: torch.device | None = None) -> Any:
    """Give a two-layer model with wide enough heads for every attention kernel."""
    return qwen3(SMALL, torch.device("cpu"), torch.float32).to(device or bench.device, dtype)


def randomise(adapter: Lora2r, scale: float = DELTA_SCALE, seed: int = 1) -> None:
    """Make every Δ non-zero, as after training."""
    generator = torch.Generator(device=adapter.device).manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter.parameters():
            noise = torch.randn(parameter.shape, generator=generator, device=parameter.device)
            parameter.copy_(scale * noise / parameter.shape[1] ** 0.5)


def zones(letters: str, device: torch.device) -> RouteMask:
    """`k`, `a`, `r` per row: keep, absorb, rout."""
    return RouteMask(
        quarantine_on=torch.tensor([letter != "k" for letter in letters], device=device),
        deployed_frozen=torch.tensor([letter == "r" for letter in letters], device=device),
    )


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one micro-batch, prompt first, completion padded on the right."""

    input_ids: Tensor
    attention_mask: Tensor
    completion_mask: Tensor
    advantages: Tensor
    mask: RouteMask

    @property
    def tokens(self) -> int:
        """Tokens that are no padding."""
        return int(self.attention_mask.sum())

    @property
    def scored(self) -> int:
        """Completion tokens."""
        return int(self.completion_mask.sum())


def make_rows(
    count: int, prompt: int, completion: int, vocabulary: int, device: torch.device, *, ragged: bool = False
) -> Rows:
    """Draw random rows; `ragged` ones have completions of half to full length."""
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(3, vocabulary, (count, prompt + completion), generator=generator)
    lengths = torch.full((count,), completion)
    if ragged:
        lengths = torch.randint(completion // 2, completion + 1, (count,), generator=generator)
    completion_mask = torch.arange(completion) < lengths[:, None]
    attention = torch.cat([torch.ones(count, prompt, dtype=torch.bool), completion_mask], dim=1)
    letters = ("kar" * count)[:count]
    return Rows(
        input_ids=ids.to(device),
        attention_mask=attention.to(device),
        completion_mask=completion_mask.to(device),
        advantages=torch.randn(count, generator=generator).to(device),
        mask=zones(letters, device),
    )


def training_flops(sizes: Sizes, row: int, scored_share: float, *, adapter: bool = True) -> float:
    """Floating-point operations a token needs, forward and backward; what is computed twice is counted once.

    The base is frozen: its weights cost a forward and an input gradient, 2 + 2 a weight, the head as well where it is
    scored. The adapter's products of rank 4r cost the same and its gradients of rank 2r another 2. Causal attention
    reads half of the row; its backward costs twice its forward.
    """
    q, kv = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    linears = [(sizes.hidden, q), (sizes.hidden, kv), (sizes.hidden, kv), (q, sizes.hidden)]
    linears += [(sizes.hidden, sizes.intermediate)] * 2 + [(sizes.intermediate, sizes.hidden)]
    weights = sum(d_in * d_out for d_in, d_out in linears)
    rank_one = sum(d_in + d_out for d_in, d_out in linears)
    layer = 4 * weights + 3 * (4 * (row / 2) * q)
    if adapter:
        layer += (2 + 2) * 4 * sizes.rank * rank_one + 2 * 2 * sizes.rank * rank_one
    return sizes.layers * layer + 4 * sizes.vocabulary * sizes.hidden * scored_share


def policy_of(model: Any, adapter: Any, device: torch.device, vocabulary: int) -> Any:
    """Wrap a model as the package's engines take it; no token ends an answer."""
    from vgrout.policy.policy import Policy

    return Policy(
        name="random",
        model=model,
        adapter=adapter,
        tokenizer=None,
        device=device,
        context_tokens=min(4096, 40 * vocabulary),
        end_ids=(-1,),
        pad_id=0,
    )


class PlainAdapter:
    """Two LoRAs in a forward hook, in output space, by plain autograd: what one writes from the definition.

    y = W x + (1-d) dep + d sg(dep) + m quar, each branch B A x - B0 A0 x. Its parameters are in the base's dtype, so no
    cast is paid for.
    """

    def __init__(self, linears: dict[str, nn.Linear], rank: int, seed: int = 0) -> None:
        self._rank = rank
        self._mask: RouteMask | None = None
        self.weights: list[tuple[Tensor, Tensor, nn.Parameter, nn.Parameter]] = []
        self._handles = []
        for index, linear in enumerate(linears.values()):
            generator = torch.Generator(device=linear.weight.device).manual_seed(seed + index)
            options: dict[str, Any] = {
                "generator": generator,
                "device": linear.weight.device,
                "dtype": linear.weight.dtype,
            }
            a0 = torch.randn(2 * rank, linear.in_features, **options) / linear.in_features**0.5
            b0 = torch.randn(linear.out_features, 2 * rank, **options) / (2 * rank) ** 0.5
            self.weights.append((a0, b0, nn.Parameter(a0.clone()), nn.Parameter(b0.clone())))
            self._handles.append(
                linear.register_forward_hook(lambda _m, args, output, i=index: self._hook(i, args[0], output))
            )

    def parameters(self) -> list[nn.Parameter]:
        """The trainables."""
        return [parameter for _, _, a, b in self.weights for parameter in (a, b)]

    def route(self, mask: RouteMask) -> None:
        """Use `mask` from now on."""
        self._mask = mask

    def detach(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _hook(self, index: int, x: Tensor, output: Tensor) -> Tensor:
        assert self._mask is not None
        return output + plain_contribution(x, *self.weights[index], rank=self._rank, mask=self._mask)


def plain_contribution(
    x: Tensor, a0: Tensor, b0: Tensor, a: Tensor, b: Tensor, *, rank: int, mask: RouteMask
) -> Tensor:
    """Give the definition of the adapter, branch by branch: a `[2r, d_in]`, b `[d_out, 2r]`."""
    blocks = (slice(None, rank), slice(rank, None))
    deployed, quarantine = (x @ a[rows].T @ b[:, rows].T - x @ a0[rows].T @ b0[:, rows].T for rows in blocks)
    m = mask.quarantine_on.to(x)[:, None, None]
    d = mask.deployed_frozen.to(x)[:, None, None]
    return (1 - d) * deployed + d * deployed.detach() + m * quarantine
