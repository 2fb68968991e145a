"""Runs as a report reads them: finished, still going, killed or empty; nothing is ever written to them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vgrout.artifacts import METRICS, PROMPTS, ROLLOUTS, read_records, total_seconds
from vgrout.errors import DataError
from vgrout.report.counts import HACK, SOLVE_HINTED, SOLVE_PLAIN, Count, is_whole, read_count
from vgrout.schemas import Schema


@dataclass(frozen=True, kw_only=True)
class ModeCount:
    """Answers to one kind of prompt of one mode."""

    prompt: str
    """hinted or plain."""
    mode: str
    hack: Count
    solve: Count


@dataclass(frozen=True, kw_only=True)
class PolicyResult:
    """One policy's answers to the held-out problems."""

    ablated: bool | None
    """The quarantine was off."""
    measures: Mapping[str, Count]
    """Every name of `counts.MEASURES` → its count."""
    by_mode: tuple[ModeCount, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run directory holds; a file that is missing is an empty value."""

    path: Path
    name: str
    config: Mapping[str, Any]
    versions: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    deployed: PolicyResult | None
    as_trained: PolicyResult | None
    scales: Mapping[float, PolicyResult]
    """Share of the quarantine that was kept → result; empty without `eval-scale-*.json`."""
    diverged: str | None
    """Why a guard stopped the run."""
    missing: tuple[str, ...]
    """JSONL files that it lacks."""
    seconds: float
    """Wall time of its steps and its set-up."""
    alternates: Mapping[str, Any] = field(default_factory=dict)
    """Settings that its sweep varies by seed → all their values there: no arm of its own."""

    @property
    def seed(self) -> int | None:
        """The run's seed."""
        value = self.config.get("seed")
        return value if is_whole(value) else None

    @property
    def draw(self) -> int | None:
        """Seed of the Haar-random direction; None where the direction is real."""
        value = self.config.get("routeA_random_v_seed")
        return value if is_whole(value) else None

    @property
    def status(self) -> str:
        """How far it came, in words."""
        made, asked = len(self.metrics), self.config.get("steps")
        if self.diverged:
            said = f"stopped by a guard after {made} of {asked} steps"
        elif self.deployed is None:
            said = f"not evaluated: {made} of {asked} steps are written"
        else:
            said = f"{made} steps, evaluated"
        return f"{said}; lacks {', '.join(self.missing)}" if self.missing else said


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The verdict and statistics that a sweep wrote of itself."""

    path: Path
    facts: Mapping[str, Any]


def load_paths(paths: Iterable[Path]) -> tuple[list[Run], list[Sweep]]:
    """Every run and sweep under `paths`, each once, in the order given.

    Raises:
        DataError: a path is missing or is neither a run nor a sweep, or a file is malformed.
    """
    folders: dict[Path, Path] = {}
    members: list[set[Path]] = []
    sweeps: dict[Path, Sweep] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such run or sweep\nhint: give a folder that holds `config.json`")
        if (path / "config.json").is_file():
            folders.setdefault(path.resolve(), path)
            continue
        found = _runs_below(path)
        folders |= {run.resolve(): run for run in found if run.resolve() not in folders}
        members.append({run.resolve() for run in found})
        sweeps |= {sweep.path.resolve(): sweep for sweep in _sweep_files(path)}
    names = _short_names(list(folders.values()))
    runs = [load_run(path, name) for path, name in zip(folders.values(), names, strict=True)]
    return _with_alternates(runs, members), [*sweeps.values()]


def _with_alternates(runs: Sequence[Run], sweeps: Sequence[set[Path]]) -> list[Run]:
    """The runs, each knowing the warm starts over which the seeds of its sweep alternate."""
    alternates: dict[Path, Mapping[str, Any]] = {}
    for paths in sweeps:
        models = sorted({str(run.config.get("model")) for run in runs if run.path.resolve() in paths})
        if len(models) > 1:
            alternates = {path: {"model": models} for path in paths} | alternates
    return [replace(run, alternates=alternates.get(run.path.resolve(), {})) for run in runs]


def load_run(path: Path, name: str | None = None) -> Run:
    """The run in `path`.

    Raises:
        DataError: a file of it is malformed; the message names file and line.
    """
    evaluation = read_object(path / "eval.json")
    diverged = read_object(path / "diverged.json")
    return Run(
        path=path,
        name=name or path.name or path.resolve().name,
        config=read_object(path / "config.json"),
        versions=read_object(path / "versions.json"),
        metrics=tuple(_rows(path, METRICS)),
        deployed=_policy_result(evaluation, "deployed", path / "eval.json"),
        as_trained=_policy_result(evaluation, "as_trained", path / "eval.json"),
        scales=_scales(path),
        diverged=str(diverged.get("message", "a guard stopped it")) if diverged else None,
        missing=tuple(s.file for s in (METRICS, ROLLOUTS) if not (path / s.file).is_file()),
        seconds=total_seconds(path),
    )


def rollouts(run: Run) -> Iterator[dict[str, Any]]:
    """Rows of the run's `rollouts.jsonl`; the k-th is that of line k."""
    path = run.path / ROLLOUTS.file
    return read_records(path, ROLLOUTS) if path.is_file() else iter(())


def prompts(run: Run) -> dict[tuple[str, bool], dict[str, Any]]:
    """(problem, hackable) → row of the run's `prompts.jsonl`; empty where an older run has none."""
    return {(row["problem_id"], row["hackable"]): row for row in _rows(run.path, PROMPTS)}


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file.

    Raises:
        DataError: it is not a JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not JSON: {error}\nhint: leave that run out of the report") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: found a JSON {type(value).__name__}, expected an object")
    return value


def _rows(path: Path, schema: Schema) -> list[dict[str, Any]]:
    file = path / schema.file
    return list(read_records(file, schema)) if file.is_file() else []


def _runs_below(path: Path) -> list[Path]:
    below = path / "runs"
    if not below.is_dir():
        raise DataError(
            f"{path}: neither a run (it has no `config.json`) nor a sweep (it has no `runs/`)"
            "\nhint: name run directories, as in `vgrout report runs/*`"
        )
    # A run directory exists for a moment before its config does.
    found = sorted(item for item in below.iterdir() if (item / "config.json").is_file())
    if not found:
        raise DataError(f"{below}: holds no run yet\nhint: wait for the sweep's first run")
    return found


def _sweep_files(path: Path) -> list[Sweep]:
    found = [Sweep(path=file, facts=read_object(file)) for file in sorted(path.glob("*.json"))]
    return [sweep for sweep in found if "sweep" in sweep.facts]


def _short_names(paths: list[Path]) -> list[str]:
    """Names of the folders, with as many parents as tell them apart."""
    resolved = [path.resolve() for path in paths]
    names = [path.name for path in resolved]
    for depth in range(2, 10):
        if len(set(names)) == len(names):
            break
        names = [
            "/".join(path.parts[-depth:]) if names.count(name) > 1 else name
            for path, name in zip(resolved, names, strict=True)
        ]
    return names


def _scales(path: Path) -> dict[float, PolicyResult]:
    found = {}
    for file in sorted(path.glob("eval-scale-*.json")):
        value = read_object(file)
        scale = value.get("quarantine_scale")
        if not isinstance(scale, int | float) or isinstance(scale, bool):
            raise DataError(f"{file}: field `quarantine_scale`: found {scale!r}, expected a number")
        result = _policy_result(value, "scaled", file)
        if result is not None:
            found[float(scale)] = result
    return dict(sorted(found.items()))


def _policy_result(evaluation: Mapping[str, Any], name: str, path: Path) -> PolicyResult | None:
    if not evaluation:
        return None
    value = evaluation.get(name)
    if not isinstance(value, dict):
        raise DataError(f"{path}: field `{name}`: found {value!r}, expected an object")
    rows = value.get("by_mode") or []
    if not isinstance(rows, list):
        raise DataError(f"{path}: field `{name}.by_mode`: found {rows!r}, expected a list")
    return PolicyResult(
        ablated=value.get("ablated"),
        measures={
            measure: read_count(value.get(measure), f"{path}: field `{name}.{measure}`")
            for measure in (HACK, SOLVE_HINTED, SOLVE_PLAIN)
        },
        by_mode=tuple(
            _mode_count(row, f"{path}: field `{name}.by_mode[{place}]`") for place, row in enumerate(rows)
        ),
    )


def _mode_count(row: Any, where: str) -> ModeCount:
    if not isinstance(row, dict) or not isinstance(row.get("mode"), str):
        raise DataError(f"{where}: found {row!r}, expected an object with a `mode`")
    n = row.get("n")
    return ModeCount(
        prompt=str(row.get("prompt")),
        mode=row["mode"],
        hack=read_count({"count": row.get("exploited"), "n": n}, where),
        solve=read_count({"count": row.get("gt_correct"), "n": n}, where),
    )
