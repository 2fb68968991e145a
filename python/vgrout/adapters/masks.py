"""`RouteMask`: where each rollout's gradient may go, as row data that needs no collectives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from vgrout.errors import ConfigError, ShapeError


@dataclass(frozen=True, kw_only=True)
class RouteMask:
    """Where each rollout's gradient may go (Gradient Routing, arXiv:2410.04332).

    (quarantine_on, deployed_frozen) is (0, 0) for keep, (1, 0) for absorb, (1, 1) for rout.

    Raises:
        ShapeError: a field is no bool vector, or the two differ in length or device.
        ConfigError: a row is frozen with its quarantine off, so nothing of it would train.
    """

    quarantine_on: Bool[Tensor, " B"]
    """The quarantine block takes part in forward and backward."""
    deployed_frozen: Bool[Tensor, " B"]
    """The deployed block runs forward but receives no gradient. Implies `quarantine_on`."""

    def __post_init__(self) -> None:
        on, frozen = self.quarantine_on, self.deployed_frozen
        for name, value in (("quarantine_on", on), ("deployed_frozen", frozen)):
            if value.dim() != 1 or value.dtype != torch.bool:
                raise ShapeError(
                    f"RouteMask.{name}: {value.dtype} {list(value.shape)}, expected a bool vector [B]"
                )
        if on.shape != frozen.shape or on.device != frozen.device:
            raise ShapeError(
                f"RouteMask: quarantine_on is {list(on.shape)} on {on.device}, "
                f"deployed_frozen {list(frozen.shape)} on {frozen.device}; expected equal ones"
            )
        if bool((frozen & ~on).any()):
            rows = (frozen & ~on).nonzero().flatten().tolist()
            raise ConfigError(
                f"RouteMask: rows {rows} are deployed_frozen with the quarantine off: nothing would train"
            )

    def __len__(self) -> int:
        return int(self.quarantine_on.shape[0])

    def __getitem__(self, rows: slice | Tensor) -> RouteMask:
        """The mask of some rows, in their order."""
        return RouteMask(quarantine_on=self.quarantine_on[rows], deployed_frozen=self.deployed_frozen[rows])

    def to(self, device: torch.device | str) -> RouteMask:
        """The same mask on `device`."""
        return RouteMask(
            quarantine_on=self.quarantine_on.to(device), deployed_frozen=self.deployed_frozen.to(device)
        )

    @classmethod
    def keep(cls, rows: int, device: torch.device | str = "cpu") -> RouteMask:
        """Only the deployed block trains; the quarantine is absent."""
        off = torch.zeros(rows, dtype=torch.bool, device=device)
        return cls(quarantine_on=off, deployed_frozen=off)

    @classmethod
    def sampled(cls, ablated: Bool[Tensor, " B"]) -> RouteMask:
        """The forward under which rows were sampled: quarantine off where `ablated`."""
        return cls(quarantine_on=~ablated, deployed_frozen=torch.zeros_like(ablated))


def differs(training: RouteMask, sampled_ablated: Bool[Tensor, " B"]) -> Bool[Tensor, " B"]:
    """Rows whose training forward is not the forward that sampled them.

    Freezing changes gradients only, so the rows differ exactly where the quarantine's presence does.
    """
    return training.quarantine_on == sampled_ablated.to(training.quarantine_on.device)
