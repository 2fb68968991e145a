"""Runs put into arms: runs that differ in nothing but their seed, with a name, a colour and a marker each."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vgrout.report.runs import Run

HAAR = "Haar directions"
NO_LOOPHOLE = "no loophole"
_SLOTS = ("none", "none-full", NO_LOOPHOLE, "absorb", HAAR, "shuffled", "routeA", "oracle")
"""Arms in the order of every table and legend; the place is the colour, so that an arm looks the same everywhere."""
LABELLED = ("oracle", "shuffled")
"""Arms whose gate is given labels."""
SLOTS = 14
SYMBOLS = (
    "x", "cross", "square-open", "square", "diamond", "triangle-down", "circle", "triangle-up",
    "pentagon", "hexagon", "star", "diamond-open", "circle-open", "triangle-left",
)  # fmt: skip
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_NO_PART = {
    "schema", "intervention", "seed", "routeA_random_v_seed", "run_dir", "resume", "device",
    "checkpoint_every", "checkpoint_minutes", "base.threads", "grading.workers", "rollouts.rows_per_batch",
    "optim.rows_per_batch", "optim.tokens_per_batch", "eval.every", "trackers",
}  # fmt: skip
"""Settings in which runs of one arm may differ: seeds, places and how the machine is used."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The runs of one arm."""

    number: int
    """Its place in the order of arms."""
    label: str
    slot: int
    """Number of its colour, `--arm-SLOT` in the style sheet; variants of one arm share it."""
    variant: int
    """0 for an arm with the usual settings, else which of its variants."""
    runs: tuple[Run, ...]

    @property
    def symbol(self) -> str:
        """Its marker, so that arms differ in more than colour."""
        return SYMBOLS[(self.slot + self.variant) % len(SYMBOLS)]

    @property
    def dash(self) -> str:
        """How its line is drawn."""
        return DASHES[self.variant % len(DASHES)]


def group_arms(runs: Sequence[Run]) -> list[Arm]:
    """The arms of `runs`; a setting that differs between runs is part of the name, and its runs are never pooled."""
    usual = _usual_settings(runs)
    groups: dict[tuple[int, str], list[Run]] = {}
    for run in runs:
        base = base_arm(run.config)
        special = [
            f"{name} {_plain(value)}"
            for name, value in _run_settings(run).items()
            if value != usual.get(name) and not (base == NO_LOOPHOLE and name == "env.unhackable_share")
        ]
        rank = _SLOTS.index(base) if base in _SLOTS else len(_SLOTS)
        groups.setdefault((rank, " · ".join([base, *special])), []).append(run)
    arms: list[Arm] = []
    variants: Counter[int] = Counter()
    for (rank, label), members in sorted(groups.items()):
        variants[rank] += label not in _SLOTS
        variant = variants[rank] if label not in _SLOTS else 0
        members.sort(key=lambda run: (run.draw is not None, run.draw or 0, run.seed or 0, run.name))
        slot = rank if rank < len(_SLOTS) else rank + (variant - 1) % (SLOTS - len(_SLOTS))
        arms.append(Arm(number=len(arms), label=label, slot=slot, variant=variant, runs=tuple(members)))
    return arms


def base_arm(config: Mapping[str, Any]) -> str:
    """The arm by its method alone."""
    name = str(config.get("intervention", "unknown"))
    if name == "routeA" and config.get("routeA_random_v_seed") is not None:
        return HAAR
    environment = config.get("env")
    if name == "none" and isinstance(environment, dict) and environment.get("unhackable_share") == 1:
        return NO_LOOPHOLE
    return name


def _usual_settings(runs: Sequence[Run]) -> dict[str, Any]:
    """The most frequent value of every setting that any run has; None counts as a value."""
    each = [_run_settings(run) for run in runs]
    names = dict.fromkeys(name for settings in each for name in settings)
    usual = {}
    for name in names:
        seen = Counter(repr(settings.get(name)) for settings in each).most_common(1)[0][0]
        usual[name] = next(settings.get(name) for settings in each if repr(settings.get(name)) == seen)
    return usual


def _run_settings(run: Run) -> dict[str, Any]:
    """Settings by their dotted names, as an arm has them: not which seed's run another one started from."""
    settings = _settings({**run.config, **run.alternates})
    if settings.get("start_from"):
        settings["start_from"] = re.sub(r"\d*-s\d+.*", "", Path(settings["start_from"]).name)
    return settings


def _settings(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _settings(value, f"{name}.")
        elif name not in _NO_PART:
            flat[name] = value
    return flat


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
