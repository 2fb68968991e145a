"""Evaluation of a run: at its end, or again from its checkpoint with other problems, counts or quarantine."""

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from vgrout.artifacts import write_json_atomic
from vgrout.config import EvalConfig, GraderConfig, TrainConfig
from vgrout.config_file import changed_settings
from vgrout.evals.evaluate import EvalResult
from vgrout.train import checkpoint
from vgrout.train.progress import evaluation_bar, log_to
from vgrout.train.session import Session, open_session

log = logging.getLogger(__name__)
_HOW_NOT_WHAT = frozenset({"grading.workers", "grading.min_level"})
"""Settings of the grader that decide over no verdict."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What the policies of one run answered."""

    config: TrainConfig
    step: int
    problems: tuple[str, ...]
    policies: tuple[EvalResult, ...]
    """The deployed and the as-trained one, or the one with a scaled quarantine."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for `eval.json` and its like."""
        config = self.config
        scale = config.eval.quarantine_scale
        return {
            "schema": 1,
            "arm": config.arm,
            "seed": config.seed,
            "step": self.step,
            "temperature": config.eval.temperature,
            "samples": config.eval.samples,
            "problems": list(self.problems),
            **({} if scale is None else {"quarantine_scale": scale}),
            **{result.policy: result.to_json() for result in self.policies},
        }


def evaluate(session: Session, step: int, console: Console) -> Evaluation:
    """Ask the session's held-out problems of the weights after `step`."""
    evaluator, gate = session.evaluator, session.trainer.arm.gate
    scale = session.config.eval.quarantine_scale
    adapter = session.trainer.policy.adapter
    untrained = not any(bool(parameter.any()) for parameter in adapter.blocks()["quarantine"])
    once = scale is not None or untrained or not gate.ablates_at_deployment
    count = (1 if once else 2) * evaluator.answers
    log.info("evaluating %d answers to %d test problems", count, len(evaluator.tasks))
    evaluator.engine.sync(step + 1)
    results: tuple[EvalResult, ...]
    with evaluation_bar(console, count) as show:
        if scale is not None:
            results = (evaluator.evaluate("scaled", ablated=False, quarantine_scale=scale, progress=show),)
        else:
            deployed = evaluator.evaluate("deployed", ablated=gate.ablates_at_deployment, progress=show)
            # Where ablation changes nothing, the policies are one and would be asked with the same random numbers.
            as_trained = (
                replace(deployed, policy="as_trained", ablated=False)
                if once
                else evaluator.evaluate(
                    "as_trained", ablated=False, progress=lambda done: show(evaluator.answers + done)
                )
            )
            results = (deployed, as_trained)
    return Evaluation(
        config=session.config,
        step=step,
        problems=tuple(task.problem.id for task in evaluator.tasks),
        policies=results,
    )


def ask_validation(session: Session, step: int) -> dict[str, int]:
    """Ask the validation problems of the weights after `step`; give a row of `validation.jsonl`.

    Both policies draw from random numbers of this evaluation's own, and nothing of the trainer changes.
    """
    validator, trainer = session.validator, session.trainer
    assert validator is not None  # where `eval.every` asks for one
    with trainer.activity.phase("validating", 2 * validator.answers) as progress:
        validator.engine.sync(step + 1)
        deployed = validator.evaluate(
            "deployed", ablated=trainer.arm.gate.ablates_at_deployment, progress=progress
        )
        as_trained = validator.evaluate(
            "as_trained", ablated=False, progress=lambda done: progress(validator.answers + done)
        )
    row = {"step": step, "hinted_answers": deployed.hack.n, "plain_answers": deployed.solve_plain.n}
    for one in (deployed, as_trained):
        row |= {
            f"{one.policy}_exploited": one.hack.count,
            f"{one.policy}_solved_hinted": one.solve_hinted.count,
            f"{one.policy}_solved_plain": one.solve_plain.count,
        }
    return row


def evaluate_run(
    path: Path, *, data: Path | None, settings: EvalConfig, grading: GraderConfig, console: Console
) -> tuple[Evaluation, Path]:
    """Evaluate the run at `path` from its last checkpoint; give the result and the file that now holds it.

    The file is named for what differs from the run's own evaluation, so none is written over by another question.

    Raises:
        ConfigError: there is no run or no checkpoint at `path`.
        DataError: `data` or a file of the run is malformed.
    """
    log_to(console)
    own, saved, file = checkpoint.load_run(path)
    base = replace(own.base, shard=False)  # one process asks
    asked = replace(own, data=data or own.data, eval=settings, grading=grading, base=base)
    with open_session(asked, trains=False) as session:
        with checkpoint.fitting(file):
            session.trainer.restore(saved)
        result = evaluate(session, saved.step, console)
    target = path / f"{_file_name(own, asked, saved.step)}.json"
    write_json_atomic(target, result.to_json())
    return result, target


def _file_name(own: TrainConfig, asked: TrainConfig, step: int) -> str:
    parts = ["eval"] if step == own.steps else ["eval", f"step-{step}"]
    for name, _, value in changed_settings(own, asked):
        section, _, field = name.partition(".")
        if section == "data":
            path = Path(str(value))
            parts.append(f"data-{path.name.partition('.')[0]}-{_digest(path)}")
        elif section in {"eval", "grading"} and name not in _HOW_NOT_WHAT:
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            parts.append(f"{'scale' if field == 'quarantine_scale' else field.replace('_', '-')}-{shown}")
    return "-".join(parts)


def _digest(path: Path) -> str:
    """Of the file's bytes: two files of one name are two questions."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.is_file() else "packaged"
