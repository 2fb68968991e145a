"""Where labels come near a gate: only a `LabelledGate` takes them, and only `label_scored` hands them over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from vgrout.errors import ShapeError
from vgrout.routing.gates import GateBase, GateDecision
from vgrout.routing.scored import Scored

_KEY = object()


@runtime_checkable
class OracleLabels(Protocol):
    """What `grading.Diagnostics` has: true where a rollout was paid for an exploit."""

    @property
    def exploited(self) -> Bool[np.ndarray, " B"]:
        """One truth value per row."""
        ...


@dataclass(frozen=True, kw_only=True)
class OracleScored:
    """A batch with its oracle labels. No `Scored`: the other gates refuse it, by type. Made by `label_scored`."""

    scored: Scored
    exploited: Bool[Tensor, " B"]
    """The row was paid for an exploit and is not correct."""
    sampled_ablated: Bool[Tensor, " B"]
    """The row was sampled by the deployed policy."""
    _key: object = None

    def __post_init__(self) -> None:
        if self._key is not _KEY:
            raise TypeError("OracleScored is made by label_scored only")


def label_scored(
    scored: Scored, diagnostics: OracleLabels, sampled_ablated: Bool[Tensor, " B"]
) -> OracleScored:
    """The only door by which a label comes near a gate.

    Raises:
        ShapeError: the labels or `sampled_ablated` have other rows than the batch.
    """
    rows = scored.pooled.shape[0]
    exploited = torch.as_tensor(np.asarray(diagnostics.exploited))
    if exploited.shape != (rows,) or sampled_ablated.shape != (rows,):
        raise ShapeError(
            f"labels {list(exploited.shape)}, sampled_ablated {list(sampled_ablated.shape)}, batch of {rows} rows"
        )
    return OracleScored(scored=scored, exploited=exploited, sampled_ablated=sampled_ablated.cpu(), _key=_KEY)


def relabelled(labelled: OracleScored, exploited: Bool[Tensor, " B"]) -> OracleScored:
    """The same batch with other labels: for gates that are to err on purpose."""
    return replace(labelled, exploited=exploited)


class LabelledGate(GateBase, ABC):
    """A gate that is handed oracle labels on purpose: a ceiling or a control, never the method."""

    @abstractmethod
    def route(self, labelled: OracleScored) -> GateDecision:
        """Where each row of the batch trains.

        Raises:
            TypeError: the batch carries no labels.
        """


def require_labelled(labelled: OracleScored) -> None:
    """Refuse a batch without labels, also where no type checker looks.

    Raises:
        TypeError: it is no `OracleScored`.
    """
    if not isinstance(labelled, OracleScored):
        raise TypeError(f"a labelled gate takes OracleScored, not {type(labelled).__name__}")
