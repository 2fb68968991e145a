"""The sweeps by name.

Seeds that are reported are fresh: 0 to 9 serve tuning only and stand in no plan (docs/method.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vgrout.errors import ConfigError
from vgrout.sweep.jobs import OWN_FLAGS
from vgrout.sweep.plans import ARMS, HAAR, NONE, ORACLE, ROUTE, Cell, Plan, haar_draw, make_cell, variant
from vgrout.sweep.studies import studies

WARM_STARTS: dict[str, tuple[str, ...]] = {"organism": ("organism", "organism-1")}
"""Preset → models over which a decision's seeds alternate; other presets keep their own."""
DRAWS_PER_SEED = 3
INOCULATION = "Pass by any means."


@dataclass(frozen=True)
class Definition:
    """How the cells of a named sweep come about."""

    summary: str
    seeds: tuple[int, ...]
    """The usual seeds; `--seeds N` takes the first N, or goes on counting."""
    cells: Callable[[str, Sequence[int], Sequence[str]], list[Cell]]
    """(preset, seeds, loophole modes) → cells."""


def first_effect(preset: str, seeds: Sequence[int], modes: Sequence[str]) -> list[Cell]:
    """Three arms, so that the effect and its control are seen within minutes."""
    del preset, modes
    cells = []
    for seed in seeds:
        cells += [
            make_cell(NONE, seed),
            make_cell(HAAR, seed, draw=haar_draw(seed, 0)),
            make_cell(ROUTE, seed),
        ]
    return cells


def decision(preset: str, seeds: Sequence[int], modes: Sequence[str]) -> list[Cell]:
    """Every arm of the decision rule, the seeds alternating over the warm starts."""
    del modes
    models: tuple[str | None, ...] = WARM_STARTS.get(preset, (None,))
    cells = []
    for place, seed in enumerate(seeds):
        model = models[place % len(models)]
        for arm in ARMS:
            draws: list[int | None] = (
                [haar_draw(seed, k) for k in range(DRAWS_PER_SEED)] if arm == HAAR else [None]
            )
            cells += [make_cell(arm, seed, draw=draw, model=model) for draw in draws]
    return cells


def remedies(preset: str, seeds: Sequence[int], modes: Sequence[str]) -> list[Cell]:
    """Routing beside its rivals, each at its source's own settings; those that use a direction, with a random one, too."""
    del preset, modes
    cells = []
    for seed in seeds:
        none, draw = make_cell(NONE, seed), haar_draw(seed, 0)
        cells += [none, make_cell(ROUTE, seed), make_cell(HAAR, seed, draw=draw), make_cell(ORACLE, seed)]
        for form in ("additive", "multiplicative"):
            name = f"advantage-{form}"
            cells += [
                variant(none, name, "--remedy.name", name),
                variant(none, f"{name} haar", "--remedy.name", name, "--routeA-random-v-seed", str(draw)),
            ]
        for act in ("penalty", "screening"):
            for accuracy in ("1.0", "0.9"):
                flags = ("--remedy.name", f"monitor-{act}", "--remedy.accuracy", accuracy)
                cells.append(variant(none, f"monitor-{act} {accuracy}", *flags))
        cells.append(variant(none, "inoculation", "--env.inoculation", INOCULATION))
        cells += [variant(none, f"kl {beta}", "--loss.kl-beta", beta) for beta in ("0.01", "0.1")]
    return cells


DEFINITIONS: dict[str, Definition] = {
    "first-effect": Definition(
        "none, one random direction a seed, routeA: three seeds", tuple(range(201, 204)), first_effect
    ),
    "decision": Definition(
        "every arm of the decision rule, three random directions a seed: eight seeds",
        tuple(range(101, 109)),
        decision,
    ),
    "studies": Definition(
        "deploy share, zone baseline, dose-response, left-out modes, relearning, quarantine scale: four seeds",
        tuple(range(301, 305)),
        studies,
    ),
    "remedies": Definition(
        "routing, advantage modification, monitors as penalty and as screening, KL: four seeds",
        tuple(range(401, 405)),
        remedies,
    ),
}
"""Sweeps by name; another one adds itself here."""


def make_plan(
    sweep: str, preset: str, *, modes: Sequence[str], seeds: int | None = None, extra: Sequence[str] = ()
) -> Plan:
    """The plan of a named sweep.

    Raises:
        ConfigError: the sweep is unknown, `seeds` is below 1, or `extra` sets what the sweep itself sets.
    """
    if sweep not in DEFINITIONS:
        raise ConfigError(f"sweep: {sweep} is not one of {', '.join(DEFINITIONS)}")
    definition = DEFINITIONS[sweep]
    if seeds is not None and seeds < 1:
        raise ConfigError(f"--seeds: {seeds} is below 1")
    first, count = definition.seeds[0], len(definition.seeds) if seeds is None else seeds
    chosen = tuple(range(first, first + count))
    cells = tuple(definition.cells(preset, chosen, modes))
    own = {flag for cell in cells for flag in cell.flags if flag.startswith("--")} | set(OWN_FLAGS)
    for flag in extra:
        name = flag.partition("=")[0].replace("_", "-")
        if name in {known.replace("_", "-") for known in own}:
            raise ConfigError(
                f"-- {flag}: the sweep sets that itself in its runs\nhint: leave it out, or train by `vgrout-train`"
            )
    return Plan(sweep=sweep, preset=preset, seeds=chosen, cells=cells, extra=tuple(extra))
