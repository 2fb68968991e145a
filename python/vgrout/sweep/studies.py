"""The studies around a decision: each varies one thing and describes; none of them decides."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from vgrout.presets import PRESETS
from vgrout.sweep.plans import (
    ABSORB,
    HAAR,
    NO_LOOPHOLE,
    NONE,
    ORACLE,
    ROUTE,
    RUNS,
    Cell,
    haar_draw,
    make_cell,
    variant,
)

DEPLOY_SHARES = (0.25, 0.5, 0.75, 1.0)
ZONE_ARMS = (ABSORB, ROUTE, ORACLE, HAAR)
DOSES = ((0.25, 1.0), (0.5, 1.0), (0.75, 1.0), (1.0, 0.25), (1.0, 0.5), (1.0, 0.75))
"""(precision, recall) of the oracle's labels; (1, 1) is the oracle of the reference runs."""
SCALES = (0.25, 0.5, 0.75)
"""Shares of the quarantine that a finished run keeps; 0 and 1 are its deployed and its as-trained evaluation."""
RELEARNING = (NO_LOOPHOLE, ABSORB, ROUTE, ORACLE, HAAR)


def studies(preset: str, seeds: Sequence[int], modes: Sequence[str]) -> list[Cell]:
    """Every study on the same seeds, with one set of reference runs for all of them."""
    cells: list[Cell] = []
    for seed in seeds:
        cells += _references(seed)
        cells += _deploy_shares(preset, seed)
        cells += [variant(_cell(arm, seed), "zone baseline", "--loss.baseline", "zone") for arm in ZONE_ARMS]
        cells += _doses(seed)
        cells += [_left_out(seed, mode) for mode in modes]
        cells += [_relearning(_cell(arm, seed)) for arm in RELEARNING]
    return cells


def _cell(arm: str, seed: int) -> Cell:
    return make_cell(arm, seed, draw=haar_draw(seed, 0) if arm == HAAR else None)


def _references(seed: int) -> Iterable[Cell]:
    """Runs with the preset's settings, each evaluated along the quarantine's scale where it has one that learns."""
    for arm in (NONE, NO_LOOPHOLE, ABSORB, ROUTE, ORACLE, HAAR):
        cell = _cell(arm, seed)
        scaled = arm in {ABSORB, ROUTE, ORACLE, HAAR}
        yield replace(cell, evaluations=SCALES if scaled else ())


def _deploy_shares(preset: str, seed: int) -> Iterable[Cell]:
    """Arms along the share of groups sampled without the quarantine; the preset's own share is a reference run."""
    usual = PRESETS[preset][1].rollouts.deploy_share if preset in PRESETS else None
    for share in DEPLOY_SHARES:
        if share != usual:
            for arm in (ROUTE, ORACLE, HAAR):
                yield variant(
                    _cell(arm, seed), f"deploy share {share:g}", "--rollouts.deploy-share", f"{share:g}"
                )


def _doses(seed: int) -> Iterable[Cell]:
    """The oracle with noise in its labels: how much precision and recall the effect takes."""
    for precision, recall in DOSES:
        flags = ("--oracle.precision", f"{precision:g}", "--oracle.recall", f"{recall:g}")
        yield variant(_cell(ORACLE, seed), f"precision {precision:g} recall {recall:g}", *flags)


def _left_out(seed: int, mode: str) -> Cell:
    """The direction from pairs without one loophole mode."""
    return variant(_cell(ROUTE, seed), f"pairs without {mode}", "--gate.leave-out-mode", mode)


def _relearning(reference: Cell) -> Cell:
    """`none` from the deployed policy of a finished run: how soon the hack comes back."""
    again = make_cell(NONE, reference.seed)
    return replace(
        again,
        name=f"relearn-{reference.name}",
        arm=f"relearning from {reference.arm}",
        flags=(*again.flags, "--start-from", f"{RUNS}/{reference.name}"),
        after=(reference.name,),
    )
