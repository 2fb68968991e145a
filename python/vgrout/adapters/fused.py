"""The fused rank-2r module in Δ-form: one autograd.Function, and the weights of one Linear."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from jaxtyping import Float
from torch import Tensor, nn

from vgrout.errors import ConfigError

PARAMETER_NAMES = ("delta_a_deployed", "delta_a_quarantine", "delta_b_deployed", "delta_b_quarantine")
"""The trainables of one Linear; ΔB is stored transposed, so all four are `[r, d]`."""


class DeltaLora(torch.autograd.Function):
    """y = [ΔB | B0] · [A0 + ΔA ; ΔA] · x with one mask forward and another backward.

    With f, b the forward and backward masks over the 2r columns (deployed, then quarantine):

        h = x [A0 ; ΔA]ᵀ ;  a = h[:2r] + h[2r:] ;  δ = h[2r:] ;  y = [a ⊙ f | δ ⊙ f] [ΔB | B0]ᵀ
        [p | q] = (g [ΔB | B0]) ⊙ [b | b] ;  gx = [p | p + q] [A0 ; ΔA]
        gΔA = (p + q)ᵀ x ;  gΔB = gᵀ (a ⊙ b)

    This is S = [A0 + ΔA ; ΔA] with the sum taken after the product instead of before it: the frozen half of
    each factor is cast once for ever, and where no cast is needed the parameters *are* the other half.
    Plain autograd cannot express it: a detach in rank space also stops, or leaks, the columns of ΔB.

    Outputs are the delta and the deployed bottleneck activation A[:r]·x, which carries no gradient. The
    parameters are inputs only so that they receive gradients; their values come in through `down` and `up_t`.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        ctx: Any,
        x: Float[Tensor, "*rows d_in"],
        down: Float[Tensor, "four_r d_in"],
        up_t: Float[Tensor, "four_r d_out"],
        forward_mask: Float[Tensor, "*mask_rows two_r"],
        backward_mask: Float[Tensor, "*mask_rows two_r"],
        *parameters: Float[Tensor, "r _"],
    ) -> tuple[Float[Tensor, "*rows d_out"], Float[Tensor, "*rows r"]]:
        """The adapter's contribution and the deployed activations; see the class."""
        two_r = down.shape[0] // 2
        h = F.linear(x, down)
        delta = h[..., two_r:]
        activation = h[..., :two_r] + delta
        masked = torch.cat([activation * forward_mask, delta * forward_mask], dim=-1)
        ctx.save_for_backward(x, activation, down, up_t, backward_mask)
        ctx.dtypes = [parameter.dtype for parameter in parameters]
        deployed = activation[..., : two_r // 2]
        ctx.mark_non_differentiable(deployed)
        return masked @ up_t, deployed

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of x and of the four Δ parameters; see the class."""
        x, activation, down, up_t, backward_mask = ctx.saved_tensors
        two_r = down.shape[0] // 2
        r = two_r // 2
        gh = F.linear(grad, up_t)
        p = gh[..., :two_r] * backward_mask
        through_a = p + gh[..., two_r:] * backward_mask
        grad_x = torch.cat([p, through_a], dim=-1) @ down if ctx.needs_input_grad[0] else None
        grad_a = through_a.reshape(-1, two_r).T @ x.reshape(-1, x.shape[-1])
        grad_b = (activation * backward_mask).reshape(-1, two_r).T @ grad.reshape(-1, grad.shape[-1])
        blocks = (grad_a[:r], grad_a[r:], grad_b[:r], grad_b[r:])
        grads = [block.to(dtype) for block, dtype in zip(blocks, ctx.dtypes, strict=True)]
        return (grad_x, None, None, None, None, *grads)


class BlockLinear:
    """The weights of both blocks of one Linear: frozen inits, fp32 Δ parameters, and the factors cast for use.

    `down` = [A0 ; ΔA] and `up_t` = [ΔBᵀ ; B0ᵀ] are in the Linear's dtype. Where that is also the parameters'
    dtype, the parameters are views into them and nothing is ever cast; otherwise `sync` casts after a change.
    """

    def __init__(self, name: str, linear: nn.Linear, a0: Tensor, b0_t: Tensor) -> None:
        dtype, device = linear.weight.dtype, linear.weight.device
        if not dtype.is_floating_point:
            raise ConfigError(
                f"{name}: weights of {dtype} cannot carry an adapter; load the base in bf16 or fp32"
            )
        two_r = a0.shape[0]
        r = two_r // 2
        self.name = name
        self.rank = r
        self.down = torch.zeros(2 * two_r, linear.in_features, dtype=dtype, device=device)
        self.up_t = torch.zeros(2 * two_r, linear.out_features, dtype=dtype, device=device)
        self.start(a0, b0_t)
        down, up = self.down[two_r:], self.up_t[:two_r]
        self._slots = (down[:r], down[r:], up[:r], up[r:])
        self._aliased = dtype in (torch.float32, torch.float64)
        sources = self._slots if self._aliased else [slot.to(torch.float32) for slot in self._slots]
        self.parameters = tuple(nn.Parameter(source) for source in sources)
        self._seen = self._versions()

    def start(self, a0: Tensor, b0_t: Tensor) -> None:
        """Take other initial copies `[2r, d_in]` and `[2r, d_out]`; the differences stay, and mean another weight."""
        self.down[: 2 * self.rank] = a0.to(self.down)
        self.up_t[2 * self.rank :] = b0_t.to(self.up_t)

    def _versions(self) -> list[tuple[int, int]]:
        return [(p.data_ptr(), 0 if self._aliased else p._version) for p in self.parameters]  # noqa: SLF001

    def sync(self) -> None:
        """Cast the parameters again if any was changed in place or rebound since the last cast."""
        seen = self._versions()
        if seen != self._seen:
            self.cast()

    def cast(self) -> None:
        """Cast the parameters into `down` and `up_t`."""
        with torch.no_grad():
            for slot, parameter in zip(self._slots, self.parameters, strict=True):
                if slot.data_ptr() != parameter.data_ptr():
                    self._aliased = False
                    slot.copy_(parameter)
        self._seen = self._versions()

    def apply(self, x: Tensor, forward_mask: Tensor, backward_mask: Tensor) -> tuple[Tensor, Tensor]:
        """The adapter's contribution to this Linear's output and the deployed activations of `x`."""
        if not torch.compiler.is_compiling():
            self.sync()
        masks = (forward_mask.to(self.down), backward_mask.to(self.down))
        if not torch.is_grad_enabled():
            return self._without_gradient(x.to(self.down.dtype), masks[0])
        result: tuple[Tensor, Tensor] = DeltaLora.apply(  # type: ignore[no-untyped-call]
            x.to(self.down.dtype), self.down, self.up_t, *masks, *self.parameters
        )
        return result

    def _without_gradient(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same numbers in four operations in place and without autograd's bookkeeping.

        A decoder asks every module for every token, where launching an operation costs more than the operation.
        """
        two_r = 2 * self.rank
        h = F.linear(x, self.down)
        pairs = h.view(*h.shape[:-1], 2, two_r)
        pairs[..., 0, :].add_(pairs[..., 1, :])
        # Deployed columns have mask 1 in every forward, so what is captured below is unmasked.
        pairs.mul_(mask.unsqueeze(-2))
        return h @ self.up_t, h[..., : self.rank]

    def weights(self) -> dict[str, Tensor]:
        """A, ΔA `[2r, d_in]`, ΔBᵀ and B0ᵀ `[2r, d_out]` in the parameters' dtype, for export.

        A is the frozen init as the forward uses it (rounded to the base's dtype) plus ΔA.
        """
        two_r = 2 * self.rank
        a_dep, a_quar, b_dep, b_quar = (parameter.detach() for parameter in self.parameters)
        delta_a = torch.cat([a_dep, a_quar])
        return {
            "a": self.down[:two_r].to(delta_a.dtype) + delta_a,
            "delta_a": delta_a,
            "delta_b_t": torch.cat([b_dep, b_quar]),
            "b0_t": self.up_t[two_r:].to(delta_a.dtype),
        }
