"""AdamW that keeps the two blocks apart: per-block clipping, and no motion without a gradient."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor

from vgrout.adapters.lora2r import Lora2r
from vgrout.errors import ConfigError, DataError, Diverged


class BlockOptimizer:
    """`torch.optim.AdamW` over the Δs under which a block that received no gradient does not move.

    Three couplings make plain AdamW move a block that the step's rollouts were not routed into: its moments keep
    pushing, its weight decays, and a global gradient norm shrinks it by the other block's gradient. With `guard`,
    a block of a module whose gradients are all exactly zero is left bit-identical: weights, moments, step count.
    `clip_per_block` removes the third. Weight decay on Δ is decay toward the initialisation.

    Args:
        lr: learning rate of both blocks.
        betas: decay rates of the moments.
        eps: added to the root of the second moment.
        weight_decay: decoupled, per step and unit of lr.
        guard: off only to show the leak, or for parity with a plain AdamW.

    Raises:
        ConfigError: a value is outside its range.
    """

    def __init__(
        self,
        adapter: Lora2r,
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        guard: bool = True,
    ) -> None:
        if (
            not lr >= 0.0
            or not all(0.0 <= beta < 1.0 for beta in betas)
            or not eps > 0.0
            or not weight_decay >= 0.0
        ):
            raise ConfigError(
                f"optimizer: lr {lr}, betas {betas}, eps {eps}, weight_decay {weight_decay}: one is out of range"
            )
        self._blocks = adapter.blocks()
        self._guard = guard
        self.optimizer = torch.optim.AdamW(
            list(adapter.parameters()), lr=lr, betas=betas, eps=eps, weight_decay=weight_decay
        )

    def set_lr(self, lr: float) -> None:
        """Use `lr` from the next step on."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def zero_grad(self) -> None:
        """Drop all gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def clip_per_block(self, max_norm: float | None) -> dict[str, float]:
        """Scale each block's gradient to at most `max_norm`, and return the norms from before.

        The norm of a block is over all its modules; one block's gradient never changes the other's. None measures
        without clipping.

        Raises:
            ConfigError: `max_norm` is not positive.
            Diverged: a norm is not finite; nothing was scaled.
        """
        if max_norm is not None and not max_norm > 0.0:
            raise ConfigError(f"max_norm: {max_norm} is not above 0")
        norms = {name: _norm(parameters) for name, parameters in self._blocks.items()}
        bad = {name: norm for name, norm in norms.items() if not math.isfinite(norm)}
        if bad:
            raise Diverged(f"gradient norm is not finite: {bad}; no step was taken")
        for name, norm in norms.items():
            if max_norm is not None and norm > max_norm:
                grads = [p.grad for p in self._blocks[name] if p.grad is not None]
                torch._foreach_mul_(grads, max_norm / norm)
        return norms

    def step(self) -> None:
        """Apply AdamW to every block that received a gradient."""
        if self._guard:
            self._drop_zero_gradients()
        self.optimizer.step()

    def _drop_zero_gradients(self) -> None:
        """Set the gradients of untouched module blocks to None: AdamW then leaves their state alone."""
        pairs = [
            (parameters[i], parameters[i + 1])
            for parameters in self._blocks.values()
            for i in range(0, len(parameters), 2)
        ]
        grads: list[Tensor] = [p.grad for pair in pairs for p in pair if p.grad is not None]
        if not grads:
            return
        # The largest magnitude, not the 2-norm, which underflows to zero for small gradients; one read-back for all.
        peaks = iter(_norms(grads, math.inf).tolist())
        for pair in pairs:
            received = [next(peaks) != 0.0 for p in pair if p.grad is not None]
            if not any(received):
                for parameter in pair:
                    parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """A snapshot of AdamW's state; torch's own would go on changing with the next step."""
        return copy.deepcopy(self.optimizer.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state of the same adapter.

        Raises:
            DataError: it belongs to other parameters.
        """
        try:
            self.optimizer.load_state_dict(copy.deepcopy(state))
        except (KeyError, ValueError) as error:
            raise DataError(f"optimizer state does not fit this adapter: {error}") from error


def qmass(norms: dict[str, float]) -> float:
    """The quarantine's share of the gradient, ‖g_quar‖ / (‖g_dep‖ + ‖g_quar‖); 0 where there is no gradient."""
    total = norms["deployed"] + norms["quarantine"]
    return norms["quarantine"] / total if total > 0.0 else 0.0


def _norm(parameters: list[torch.nn.Parameter]) -> float:
    grads = [p.grad for p in parameters if p.grad is not None]
    if not grads:
        return 0.0
    return float(torch.linalg.vector_norm(_norms(grads, 2.0)))


def _norms(grads: list[Tensor], order: float) -> Tensor:
    """One norm per gradient, on the first one's device."""
    norms = torch._foreach_norm(grads, order)  # noqa: SLF001 - as clip_grad_norm_ does
    return torch.stack([norm.to(norms[0].device) for norm in norms])
