"""A run from config to result: the steps, what is written between them, and the evaluation at the end."""

import logging
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from vgrout import registry
from vgrout.artifacts import RunDir, default_run_dir
from vgrout.config import TrainConfig
from vgrout.config_file import load_config
from vgrout.env.partition import load_partition, save_partition
from vgrout.errors import ConfigError, DataError, Diverged
from vgrout.evals.evaluate import EvalResult
from vgrout.settings import to_json
from vgrout.train import checkpoint
from vgrout.train.evaluation import evaluate
from vgrout.train.interrupts import Interrupted, Interrupts
from vgrout.train.progress import duration, log_to
from vgrout.train.records import prompt_rows, rollout_rows, step_metrics
from vgrout.train.session import Session, open_session, package_versions
from vgrout.train.trackers import TrackedRun, Tracker

log = logging.getLogger(__name__)
EVIDENCE_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a finished run reports."""

    config: TrainConfig
    run_dir: Path
    seconds: float
    deployed: EvalResult
    as_trained: EvalResult

    def lines(self) -> list[str]:
        """The result as text: arm, deployed and as-trained figures with intervals, where the run is."""
        config = self.config
        rows = [("", "hack, hinted", "solve, hinted", "solve, plain")]
        for name, result in (("deployed", self.deployed), ("as trained", self.as_trained)):
            rows.append((name, str(result.hack), str(result.solve_hinted), str(result.solve_plain)))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        ]
        head = f"arm {config.arm}, preset {config.preset}, seed {config.seed}: {config.steps} steps"
        return [
            f"{head} in {duration(self.seconds)}; count/n = share [95 % Wilson interval]",
            *(line.rstrip() for line in table),
            f"run directory: {self.run_dir}",
        ]


def run(config: TrainConfig, console: Console) -> RunResult:
    """Train and evaluate; with `config.resume` go on with that run from its last checkpoint.

    Raises:
        ConfigError, DataError: bad input; nothing was written.
        Diverged: a guard stopped the run; its evidence is in the run directory.
        Interrupted: Ctrl-C; says which step is saved.
    """
    if config.eval.quarantine_scale is not None:
        raise ConfigError(
            f"eval.quarantine_scale: {config.eval.quarantine_scale} is set, but a run evaluates both its policies"
            "\nhint: leave it out, and ask the finished run with `vgrout evaluate`"
        )
    start = time.perf_counter()
    log_to(console)
    saved = None if config.resume is None else _load_checkpoint(config, config.resume)
    log.info("setting up %s, preset %s, seed %d", config.arm, config.preset, config.seed)
    with open_session(config) as session:
        path = config.resume or config.run_dir or default_run_dir(config.preset, config.arm, config.seed)
        with _open_run_dir(path, session, saved) as run_dir:
            log.info(
                "%s: %d training and %d test problems; writing to %s",
                session.trainer.policy.name,
                len(session.train_tasks),
                len(session.evaluator.tasks),
                path,
            )
            if saved is not None:
                session.trainer.restore(saved)
                log.info("resumed after step %d", saved.step)
            _write_timing(run_dir, saved.step if saved else 0, {"setup": time.perf_counter() - start})
            _train(session, run_dir, console, saved.step if saved else 0)
            try:
                results = _evaluate(session, run_dir, console)
            except KeyboardInterrupt as error:
                raise Interrupted(path, config.steps) from error
    return RunResult(
        config=config,
        run_dir=path,
        seconds=time.perf_counter() - start,
        deployed=results[0],
        as_trained=results[1],
    )


@dataclass
class _Keeper:
    """Writes checkpoints and knows the last one."""

    session: Session
    run_dir: RunDir
    saved: int
    """Step of the last checkpoint; 0 where there is none."""

    def save(self, step: int) -> None:
        """Put the state after `step` on the disk, once every row that it follows is there."""
        self.run_dir.sync()
        checkpoint.save(self.run_dir.path / checkpoint.FILE, self.session.trainer.checkpoint(step))
        self.saved = step


def _train(session: Session, run_dir: RunDir, console: Console, done: int) -> None:
    """Make the steps that are left; what stops them early is turned into what was kept."""
    recent: deque[Mapping[str, Any]] = deque(maxlen=EVIDENCE_ROWS)
    keeper = _Keeper(session, run_dir, done)
    tracked = TrackedRun(config=session.config, path=run_dir.path, done=done, console=console)
    try:
        with Interrupts() as interrupts, ExitStack() as stack:
            kinds = [registry.load(registry.TRACKERS, name, "trackers") for name in session.config.trackers]
            trackers: list[Tracker] = [stack.enter_context(kind(tracked)) for kind in kinds]
            for row in _steps(session, run_dir, keeper, interrupts):
                for tracker in trackers:
                    tracker.add(row)
                recent.append(row)
                session.trainer.guard.check(row["teacher_logprob"])
    except Diverged as error:
        _save_evidence(run_dir, session, recent, error)
        raise Diverged(f"{error}\nhint: the evidence is in {run_dir.path / 'diverged.json'}") from error
    except KeyboardInterrupt as error:
        raise Interrupted(run_dir.path, keeper.saved or None) from error


def _steps(
    session: Session, run_dir: RunDir, keeper: _Keeper, interrupts: Interrupts
) -> Iterator[Mapping[str, Any]]:
    """Make each step, write its rows, yield its metrics, then keep a checkpoint where one is due.

    Raises:
        KeyboardInterrupt: one was requested; the step in progress was finished and kept.
    """
    config, trainer = session.config, session.trainer
    group_size = config.rollouts.group_size
    for step in range(keeper.saved + 1, config.steps + 1):
        start = time.perf_counter()
        record = trainer.step(step)
        row = vars(step_metrics(record, group_size, trainer.direction, trainer.direction_step))
        run_dir.write_rollouts(map(vars, rollout_rows(record, group_size)))
        run_dir.write_metrics(row)
        _write_timing(run_dir, step, {**record.seconds, "total": time.perf_counter() - start})
        yield row
        if step % config.checkpoint_every == 0 or step == config.steps or interrupts.requested:
            keeper.save(step)
        if interrupts.requested and step < config.steps:
            raise KeyboardInterrupt


def _save_evidence(
    run_dir: RunDir, session: Session, recent: deque[Mapping[str, Any]], error: Diverged
) -> None:
    """Keep what shows why a run was stopped; the last good checkpoint stays as it is."""
    trainer = session.trainer
    run_dir.write_json(
        "diverged",
        {"message": str(error), "guard": trainer.guard.state_dict(), "recent_steps": list(recent)},
    )
    step = int(recent[-1]["step"]) if recent else 0
    checkpoint.save(run_dir.path / "diverged.pt", trainer.checkpoint(step))


def _evaluate(session: Session, run_dir: RunDir, console: Console) -> tuple[EvalResult, EvalResult]:
    """Ask the held-out problems of the deployed and of the as-trained policy, and write `eval.json`."""
    start = time.perf_counter()
    results = evaluate(session, session.config.steps, console)
    run_dir.write_json("eval", results.to_json())
    _write_timing(run_dir, session.config.steps, {"evaluation": time.perf_counter() - start})
    deployed, as_trained = results.policies
    return deployed, as_trained


def _open_run_dir(path: Path, session: Session, saved: checkpoint.Checkpoint | None) -> RunDir:
    """Create the run directory, or open it again at the step of `saved`."""
    # Where a run lies and what it went on from are no part of its numbers.
    config = to_json(replace(session.config, run_dir=None, resume=None))
    if saved is not None:
        for name, modes in session.partitions.items():
            _check_partition(path / f"partition-{name}.json", modes)
        run_dir = RunDir.open_for_resume(path, saved.step)
        run_dir.write_config(config)
        return run_dir
    run_dir = RunDir.create(path, config=config, versions=package_versions())
    for name, modes in session.partitions.items():
        save_partition(path / f"partition-{name}.json", modes)
    run_dir.write_json("fence", session.fence)
    run_dir.write_prompts(map(vars, prompt_rows(session.train_tasks, session.trainer.policy)))
    return run_dir


def _load_checkpoint(config: TrainConfig, path: Path) -> checkpoint.Checkpoint:
    """Read the checkpoint of the run that is resumed; more steps than it was begun with are fine, fewer are not."""
    saved = checkpoint.load(path / checkpoint.FILE)
    if config.steps < saved.step:
        raise ConfigError(
            f"steps: {config.steps} is below the {saved.step} that {path} has made"
            "\nhint: leave `--steps` out, or ask for more"
        )
    begun = load_config(path / "config.json").steps
    if config.steps != begun:
        log.warning(
            "%d steps where the run was begun with %d: its learning rate now follows the other length",
            config.steps,
            begun,
        )
    return saved


def _check_partition(file: Path, modes: Mapping[str, str]) -> None:
    """Refuse to go on with problems or modes other than those that the run began with."""
    if load_partition(file, modes) != dict(modes):
        raise DataError(
            f"{file}: does not fit the problems\nhint: resume with the `--data` of the run's start"
        )


def _write_timing(run_dir: RunDir, step: int, seconds: Mapping[str, float]) -> None:
    phases = dict(seconds)
    total = phases.pop("total", sum(phases.values()))
    device_bytes = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    scale = 1 if sys.platform == "darwin" else 1024
    run_dir.write_timing(
        {
            "step": step,
            "seconds": {name: round(value, 6) for name, value in phases.items()},
            "total_seconds": total,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale,
            "peak_device_bytes": device_bytes,
            "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
    )
