"""What a sweep runs, as data: cells of an arm, a seed, a direction draw and a warm start."""

from dataclasses import dataclass, replace
from typing import Any

from vgrout.errors import ConfigError

NONE, NO_LOOPHOLE, ABSORB, ROUTE = "none", "no-loophole", "absorb", "routeA"
HAAR, ORACLE, SHUFFLED = "haar", "oracle", "shuffled"
ARMS: dict[str, tuple[str, ...]] = {
    NONE: ("--intervention", "none"),
    NO_LOOPHOLE: ("--intervention", "none", "--env.unhackable-share", "1"),
    ABSORB: ("--intervention", "absorb"),
    ROUTE: ("--intervention", "routeA"),
    HAAR: ("--intervention", "routeA"),
    ORACLE: ("--intervention", "oracle"),
    SHUFFLED: ("--intervention", "shuffled"),
}
"""Arm → the flags that make it; a Haar draw adds its own seed."""
RUNS = "{runs}"
"""Stands in a flag for the folder of the sweep's runs."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a sweep."""

    name: str
    """Its folder below `runs/`."""
    arm: str
    """Runs of one label are one row of the result."""
    flags: tuple[str, ...]
    """Flags of `vgrout train PRESET`, the seed and the model included."""
    seed: int
    draw: int | None = None
    """Seed of the Haar-random direction; None where there is none."""
    model: str | None = None
    """None is the preset's own."""
    after: tuple[str, ...] = ()
    """Cells that must be finished first."""
    evaluations: tuple[float, ...] = ()
    """Shares of the quarantine at which the finished run is evaluated once more."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for `sweep.json`."""
        plain = dict(vars(self))
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a sweep runs."""

    sweep: str
    preset: str
    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
    extra: tuple[str, ...] = ()
    """Flags that every run takes, before its own."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for `sweep.json`."""
        return {
            "sweep": self.sweep,
            "preset": self.preset,
            "seeds": list(self.seeds),
            "extra": list(self.extra),
            "cells": [cell.to_json() for cell in self.cells],
        }


def make_cell(arm: str, seed: int, *, draw: int | None = None, model: str | None = None) -> Cell:
    """The cell of an arm with the preset's other settings."""
    flags = [*ARMS[arm]]
    name = f"{arm}-s{seed}"
    if arm == HAAR:
        if draw is None:
            raise ConfigError(f"{name}: a Haar direction needs the seed of its draw")
        flags += ["--routeA-random-v-seed", str(draw)]
        name = f"{arm}{draw}-s{seed}"
    if model is not None:
        flags += ["--model", model]
    flags += ["--seed", str(seed)]
    return Cell(name=name, arm=arm, flags=tuple(flags), seed=seed, draw=draw, model=model)


def variant(cell: Cell, label: str, *flags: str, **changes: Any) -> Cell:
    """`cell` with further flags and a label that says so in its name and its arm."""
    slug = label.replace(" ", "-")
    named = replace(cell, name=f"{cell.name}-{slug}", arm=f"{cell.arm} {label}", flags=(*cell.flags, *flags))
    return replace(named, **changes)


def haar_draw(seed: int, place: int) -> int:
    """Seed of a run's Haar draw: no two (seed, place) of a sweep share one, for places below 1000."""
    return 1000 * seed + place
