"""A run from config to result: the steps, what is written between them, and the evaluation at the end."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from vgrout.artifacts import CHECKPOINT, PREVIOUS_CHECKPOINT, RunDir, default_run_dir, total_seconds
from vgrout.config import TrainConfig
from vgrout.config_file import lasting_settings, refuse_changes
from vgrout.env.partition import save_partition
from vgrout.errors import ConfigError, Diverged, EngineError, RankLost, StorageError
from vgrout.evals.evaluate import EvalResult
from vgrout.settings import to_json
from vgrout.train import checkpoint
from vgrout.train.evaluation import ask_validation, evaluate
from vgrout.train.inputs import check_inputs, digest, save_inputs
from vgrout.train.interrupts import Interrupted, Interrupts
from vgrout.train.memory import peak_memory_bytes
from vgrout.train.phases import StepRecord
from vgrout.train.progress import duration, log_to
from vgrout.train.ranks import SOLO, Ranks
from vgrout.train.records import prompt_rows, rollout_rows, step_metrics
from vgrout.train.session import Session, open_session, package_versions
from vgrout.train.trackers import Told, TrackedRun

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


def run(config: TrainConfig, console: Console, ranks: Ranks = SOLO) -> RunResult:
    """Train and evaluate; with `config.resume` go on with that run from its last checkpoint.

    Of several ranks the first writes and speaks; each calls this with the same config.

    Raises:
        ConfigError, DataError: bad input; nothing was written.
        Diverged: a guard stopped the run; its evidence is in the run directory.
        EngineError: the rollout engine is gone or samples from another policy; says how to go on.
        Interrupted: Ctrl-C; says which step is saved.
        StorageError: the disk refuses a file; says how to go on.
        RankLost: another rank has ended; says how to go on.
    """
    if config.eval.quarantine_scale is not None:
        raise ConfigError(
            f"eval.quarantine_scale: {config.eval.quarantine_scale} is set, but a run evaluates both its policies"
            "\nhint: leave it out, and ask the finished run with `vgrout evaluate`"
        )
    start = time.perf_counter()
    log_to(console)
    log.info("setting up %s, preset %s, seed %d", config.arm, config.preset, config.seed)
    if config.resume is None:
        with open_session(config, ranks) as session, ExitStack() as stack:
            new = stack.enter_context(_create_run_dir(session)) if ranks.is_first else None
            path = ranks.from_first(None if new is None else new.path)
            return _go(session, _Keeper(session, path or Path(), new), console, start)
    with ExitStack() as stack:
        run_dir: RunDir | None = None
        loaded: tuple[TrainConfig, checkpoint.Checkpoint, Path] | None = None
        if ranks.is_first:
            # Held before anything is read: what another process still adds must not be cut off again.
            run_dir = stack.enter_context(RunDir.open_for_resume(config.resume))
            loaded = _load_run(config, run_dir.path)
        begun, saved, file = cast("tuple[TrainConfig, checkpoint.Checkpoint, Path]", ranks.from_first(loaded))
        session = stack.enter_context(open_session(config, ranks))
        if run_dir is not None:
            check_inputs(run_dir.path, session.inputs)
        with checkpoint.fitting(file):
            session.trainer.restore(saved)
        if run_dir is not None:
            run_dir.go_on_after(saved.step, validated_every=config.eval.every)
            run_dir.write_config(_stored(config))
        _tell_resumed(config, begun, saved.step)
        keeper = _Keeper(session, config.resume, run_dir, saved.step, is_last_whole=file.name == CHECKPOINT)
        return _go(session, keeper, console, start)


def _go(session: Session, keeper: "_Keeper", console: Console, start: float) -> RunResult:
    """Make the steps that are left and evaluate."""
    config, path = session.config, keeper.path
    log.info(
        "%s: %d training and %d test problems; writing to %s",
        session.trainer.policy.name,
        len(session.train_tasks),
        len(session.evaluator.tasks),
        path,
    )
    try:
        if not keeper.saved and keeper.run_dir is not None:
            _write_beginning(session, keeper.run_dir)
        keeper.write_timing(keeper.saved, {"setup": time.perf_counter() - start})
        _train(session, keeper, console)
        deployed, as_trained = _evaluate(session, keeper, console)
    except KeyboardInterrupt as error:
        raise Interrupted(path, keeper.saved or None) from error
    except StorageError as error:
        again = "start it again under a new `--run-dir`"
        if keeper.saved:
            again = f"go on with `vgrout-train {config.preset} --resume {path}`"
        raise StorageError(f"{error}\nhint: make room, then {again}") from error
    except RankLost as error:
        again = "start it again under a new `--run-dir`"
        if keeper.saved:
            again = (
                f"step {keeper.saved} is saved; go on with `--resume {path}`, on as many ranks as you like"
            )
        raise RankLost(f"{error}\nhint: {again}") from error
    except EngineError as error:
        if not keeper.saved:
            raise
        again = f"`vgrout-train {config.preset} --resume {path}`"
        raise EngineError(f"{error}\nhint: saved after step {keeper.saved}; go on with {again}") from error
    return RunResult(
        config=config,
        run_dir=path,
        seconds=total_seconds(path),
        deployed=deployed,
        as_trained=as_trained,
    )


@dataclass
class _Keeper:
    """Writes what a run leaves, on the first rank, and knows the last checkpoint."""

    session: Session
    path: Path
    run_dir: RunDir | None
    """None on the other ranks, which write nothing."""
    saved: int = 0
    """Step of the last checkpoint; 0 where there is none."""
    is_last_whole: bool = True
    """The file of the last checkpoint is fit to be kept as the one before the next."""
    _saved_at: float = field(default_factory=time.monotonic)
    _seconds: dict[str, float] = field(default_factory=dict)

    def is_due(self, step: int) -> bool:
        """Whether the state after `step` is to be kept."""
        config = self.session.config
        late = time.monotonic() - self._saved_at >= 60 * config.checkpoint_minutes
        return late or step % config.checkpoint_every == 0 or step == config.steps

    def save(self, step: int) -> None:
        """Put the state after `step` on the disk, once every row that it follows is there."""
        start = time.perf_counter()
        if self.run_dir is not None:
            self.run_dir.sync()
            checkpoint.save(
                self.path / CHECKPOINT,
                replace(
                    self.session.trainer.checkpoint(step), settings=lasting_settings(self.session.config)
                ),
                previous=self.path / PREVIOUS_CHECKPOINT if self.is_last_whole else None,
            )
        self.saved, self.is_last_whole, self._saved_at = step, True, time.monotonic()
        self._seconds = {"checkpoint": time.perf_counter() - start}

    def write_step(self, record: StepRecord, row: Mapping[str, Any]) -> None:
        """Append a step's rollouts and its row of metrics."""
        if self.run_dir is not None:
            group_size = self.session.config.rollouts.group_size
            self.run_dir.write_rollouts(map(vars, rollout_rows(record, group_size)))
            self.run_dir.write_metrics(row)

    def write_validation(self, row: Mapping[str, Any]) -> None:
        """Append a row to `validation.jsonl`."""
        if self.run_dir is not None:
            self.run_dir.write_validation(row)

    def write_timing(self, step: int, seconds: Mapping[str, float]) -> None:
        """Append a row to `timing.jsonl`; the time of the last save is part of the row behind it."""
        if self.run_dir is None:
            return
        phases = dict(seconds)
        total = phases.pop("total", sum(phases.values())) + sum(self._seconds.values())
        phases |= self._seconds
        self._seconds = {}
        device_bytes = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        self.run_dir.write_timing(
            {
                "step": step,
                "seconds": {name: round(value, 6) for name, value in phases.items()},
                "total_seconds": total,
                "peak_memory_bytes": peak_memory_bytes(),
                "peak_device_bytes": device_bytes,
                "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
            }
        )


def _train(session: Session, keeper: _Keeper, console: Console) -> None:
    """Make the steps that are left; what stops them early is turned into what was kept."""
    recent: deque[Mapping[str, Any]] = deque(maxlen=EVIDENCE_ROWS)
    path, ranks = keeper.path, session.trainer.ranks
    activity = session.trainer.activity
    tracked = TrackedRun(
        config=session.config, path=path, done=keeper.saved, console=console, activity=activity
    )
    try:
        with Interrupts() as interrupts, ExitStack() as stack:
            kinds = zip(session.config.trackers, session.trackers, strict=True)
            trackers = [
                stack.enter_context(Told(name, kind, tracked)) for name, kind in kinds if ranks.is_first
            ]
            for row in _steps(session, keeper, interrupts):
                for tracker in trackers:
                    tracker.add(row)
                if "validation" not in row:
                    recent.append(row)
                    session.trainer.guard.check(row["teacher_logprob"])
    except Diverged as error:
        if keeper.run_dir is not None:
            _save_evidence(keeper.run_dir, session, recent, error)
        # A rank that ends takes the others with it: not before the evidence is kept.
        ranks.gather(None)
        raise Diverged(f"{error}\nhint: the evidence is in {path / 'diverged.json'}") from error


def _steps(session: Session, keeper: _Keeper, interrupts: Interrupts) -> Iterator[Mapping[str, Any]]:
    """Make each step, write its rows, yield its metrics, then keep a checkpoint where one is due.

    Raises:
        KeyboardInterrupt: one was requested; the step in progress was finished and kept.
        EngineError: the engine is gone; the last whole step was kept.
    """
    config, trainer, ranks = session.config, session.trainer, session.trainer.ranks
    group_size, longest, warned = config.rollouts.group_size, config.rollouts.max_new_tokens, False
    for step in range(keeper.saved + 1, config.steps + 1):
        start = time.perf_counter()
        try:
            record = trainer.step(step)
        except EngineError:
            # Engines are asked before anything of the step is learned: the state is that after the last one.
            if step - 1 > keeper.saved:
                keeper.save(step - 1)
            raise
        row = vars(step_metrics(record, group_size, trainer.direction, trainer.direction_step))
        ranks.check_same(f"metrics of step {step}", digest(row))
        keeper.write_step(record, row)
        keeper.write_timing(step, {**record.seconds, "total": time.perf_counter() - start})
        if not warned and row["truncated_rollouts"] == row["rollouts"] - row["teacher_rollouts"] > 0:
            warned = True
            log.warning("step %d: every answer was cut at rollouts.max_new_tokens, %d", step, longest)
        yield row
        if config.eval.every and step % config.eval.every == 0:
            row = ask_validation(session, step)
            keeper.write_validation(row)
            yield {"step": step, "validation": row}
        if keeper.is_due(step):
            keeper.save(step)
        if any(ranks.gather(interrupts.requested)):
            if keeper.saved < step:
                keeper.save(step)
            ranks.gather(None)  # a rank that ends takes the others with it: not before the step is saved
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


def _evaluate(session: Session, keeper: _Keeper, console: Console) -> tuple[EvalResult, EvalResult]:
    """Ask the held-out problems of the deployed and of the as-trained policy, and write `eval.json`."""
    start = time.perf_counter()
    steps = session.config.steps
    results = evaluate(session, steps, console)
    if keeper.run_dir is not None:
        keeper.run_dir.write_json("eval", results.to_json())
    keeper.write_timing(steps, {"evaluation": time.perf_counter() - start})
    deployed, as_trained = results.policies
    return deployed, as_trained


def _create_run_dir(session: Session) -> RunDir:
    """Create the run directory, under a free name where the user names none."""
    config = session.config
    return RunDir.create(
        config.run_dir or default_run_dir(config.preset, config.arm, config.seed),
        config=_stored(config),
        versions=package_versions(),
        numbered=config.run_dir is None,
    )


def _write_beginning(session: Session, run_dir: RunDir) -> None:
    """Write what the run begins with beside its settings."""
    for name, modes in session.partitions.items():
        save_partition(run_dir.path / f"partition-{name}.json", modes)
    save_inputs(run_dir.path, session.inputs)
    run_dir.write_json("fence", session.fence)
    run_dir.write_prompts(map(vars, prompt_rows(session.train_tasks, session.trainer.policy)))


def _stored(config: TrainConfig) -> dict[str, Any]:
    """The settings as `config.json` holds them: where a run lies and what it went on from are none of its numbers."""
    return to_json(replace(config, run_dir=None, resume=None))


def _load_run(config: TrainConfig, path: Path) -> tuple[TrainConfig, checkpoint.Checkpoint, Path]:
    """Read the run that is resumed; more steps than it was begun with are fine, fewer than it has made are not."""
    begun, saved, file = checkpoint.load_run(path)
    refuse_changes(begun, config, path)
    if config.steps < saved.step:
        raise ConfigError(
            f"steps: {config.steps} is below the {saved.step} that {path} has made"
            "\nhint: leave `--steps` out, or ask for more"
        )
    return begun, saved, file


def _tell_resumed(config: TrainConfig, begun: TrainConfig, step: int) -> None:
    """Say where the run goes on, and what of it is another than it was begun with."""
    log.info("resumed after step %d", step)
    if config.steps != begun.steps:
        log.warning(
            "%d steps where the run was begun with %d: its learning rate now follows the other length",
            config.steps,
            begun.steps,
        )
    if config.steps == step:
        log.warning(
            "%s has made all its %d steps: only its evaluation is made"
            "\nhint: train on with `--steps N`, or ask other questions with `vgrout evaluate %s`",
            config.resume,
            step,
            config.resume,
        )
