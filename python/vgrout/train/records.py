"""A step's record as rows of plain values for `metrics.jsonl` and `rollouts.jsonl`."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from vgrout.evals.metrics import auroc, f_beta
from vgrout.policy.policy import Policy
from vgrout.policy.showings import Task
from vgrout.rollouts.base import POLICY, Answer
from vgrout.routing import ROUT, ZONES, Direction
from vgrout.schemas import PromptRow, RolloutRow, StepMetrics
from vgrout.train.phases import Graded, Routed, StepRecord

PERCENTILES = (5, 25, 50, 75, 95)


def step_metrics(
    record: StepRecord, group_size: int, direction: Direction | None, direction_step: int
) -> StepMetrics:
    """The figures of a step."""
    row: dict[str, Any] = {"step": record.prompts.step}
    row |= _counts(record, group_size)
    if record.routed is not None:
        row |= _gate_figures(record, record.routed)
        row |= _sampler_gap(record, record.routed)
    if record.updated is not None:
        row |= asdict(record.updated)
    if direction is not None:
        row["direction_age_steps"] = record.prompts.step - direction_step
        row["direction_paired_accuracy"] = _number(direction.paired_accuracy)
        row["direction_auroc"] = _number(direction.auroc)
        row["direction_haar_auroc"] = _number(direction.haar_auroc)
    return StepMetrics(teacher_logprob=record.teacher_logprob, **row)


def _number(value: float) -> float | None:
    """A measured figure; None where nothing was measured."""
    return float(value) if math.isfinite(value) else None


def _counts(record: StepRecord, group_size: int) -> dict[str, Any]:
    """Counts of all rollouts, and outcomes of the policy's own."""
    rollouts, prompts, graded = record.rollouts, record.prompts, record.graded
    verdicts = graded.diagnostics.verdicts
    own = [row for row, answer in enumerate(rollouts) if answer.source == POLICY]
    rewards = graded.rewards[own]
    groups = graded.trained.reshape(-1, group_size)
    by_mode: dict[str, Counter[str]] = {}
    by_policy: dict[str, dict[str, Counter[str]]] = {}
    for row in own:
        showing = prompts.showings[rollouts[row].prompt_index]
        sampler = "deployed" if rollouts[row].ablated else "as_trained"
        kinds = by_policy.setdefault(sampler, {})
        for counts in (
            by_mode.setdefault(showing.mode, Counter(rollouts=0, gt_correct=0, exploited=0)),
            kinds.setdefault(
                "hinted" if showing.hackable else "plain", Counter(rollouts=0, gt_correct=0, exploited=0)
            ),
        ):
            counts["rollouts"] += 1
            counts["gt_correct"] += bool(verdicts[row].gt_correct)
            counts["exploited"] += bool(verdicts[row].exploited)
    return {
        "rollouts": len(rollouts),
        "teacher_rollouts": len(rollouts) - len(own),
        "hackable_rollouts": sum(prompts.showings[answer.prompt_index].hackable for answer in rollouts),
        "ablated_rollouts": sum(answer.ablated for answer in rollouts),
        "truncated_rollouts": sum(answer.truncated for answer in rollouts),
        "cut_nats_mean": _cut_nats(rollouts[row] for row in own),
        "completion_tokens_mean": sum(len(answer.completion) for answer in rollouts) / len(rollouts),
        "reward_mean": float(rewards.mean()) if own else None,
        "reward_std": float(rewards.std()) if own else None,
        "zero_variance_groups": int((groups == groups[:, :1]).all(axis=1).sum()),
        **_remedy_figures(graded, own),
        **{
            name: sum(bool(getattr(verdicts[row], name)) for row in own)
            for name in ("format_ok", "can_compile", "gt_correct", "exploited", "channel")
        },
        "by_mode": {mode: dict(counts) for mode, counts in sorted(by_mode.items())},
        "by_policy": {
            sampler: {kind: dict(counts) for kind, counts in sorted(kinds.items())}
            for sampler, kinds in sorted(by_policy.items())
        },
    }


def _cut_nats(answers: Iterable[Answer]) -> float | None:
    """What the cut of the distribution added, a token; None where an engine does not say."""
    told = [(answer.cut_nats, len(answer.completion)) for answer in answers if answer.cut_nats is not None]
    tokens = sum(count for _, count in told)
    return sum(nats for nats, _ in told) / tokens if tokens else None


def _remedy_figures(graded: Graded, own: list[int]) -> dict[str, Any]:
    """What a remedy made of the policy's own rows; nothing where there is none."""
    if graded.shaped is None or not own:
        return {}
    figures: dict[str, Any] = {"trained_reward_mean": float(graded.trained[own].mean())}
    if graded.flagged is not None:
        flagged = graded.flagged[own]
        figures["flagged"] = int(flagged.sum())
        figures["flag_accuracy"] = float((flagged == graded.diagnostics.exploited[own]).mean())
    return figures


def _gate_figures(record: StepRecord, routed: Routed) -> dict[str, Any]:
    """Zones, thresholds and scores; the labels are used to measure, after the gate has decided."""
    decision = routed.decision
    zones = np.asarray(decision.zones)
    figures: dict[str, Any] = {f"zone_{name}": int((zones == code).sum()) for code, name in enumerate(ZONES)}
    figures["threshold_low"], figures["threshold_high"] = decision.low, decision.high
    figures["buffer_fill"] = decision.buffer_fill
    exploited = np.asarray(record.graded.diagnostics.exploited, dtype=bool)[routed.indices.numpy()]
    figures["score_f_half"] = f_beta(zones == ROUT, exploited, beta=0.5)
    if decision.scores is not None:
        scores = np.asarray(decision.scores, dtype=np.float64)
        values = np.percentile(scores, PERCENTILES).tolist()
        figures["score_percentiles"] = {f"p{p}": value for p, value in zip(PERCENTILES, values, strict=True)}
        figures["score_auroc"] = auroc(scores, exploited)
    return figures


def _sampler_gap(record: StepRecord, routed: Routed) -> dict[str, Any]:
    """Difference of the sampler's and the trainer's log-probs on the policy's own rows that were scored."""
    if record.trainer_logprobs is None:
        return {}
    gaps: dict[str, dict[str, list[torch.Tensor]]] = {"policy": {}, "zone": {}}
    every: list[torch.Tensor] = []
    rows = zip(
        routed.indices.tolist(), record.trainer_logprobs.cpu(), routed.decision.zone_names, strict=True
    )
    for row, trainer, zone in rows:
        answer = record.rollouts[row]
        if not answer.logprobs:
            continue
        gap = (torch.tensor(answer.logprobs) - trainer[: len(answer.logprobs)]).abs()
        every.append(gap)
        gaps["policy"].setdefault("deployed" if answer.ablated else "as_trained", []).append(gap)
        gaps["zone"].setdefault(zone, []).append(gap)
    if not every:
        return {}
    together = torch.cat(every)
    return {
        "sampler_gap_mean": float(together.double().mean()),
        "sampler_gap_max": float(together.max()),
        **{
            f"sampler_gap_by_{kind}": {
                name: float(torch.cat(found).double().mean()) for name, found in sorted(groups.items())
            }
            for kind, groups in gaps.items()
        },
    }


def prompt_rows(tasks: Iterable[Task], policy: Policy) -> Iterable[PromptRow]:
    """Rows of `prompts.jsonl`: every problem hinted and plain."""
    for task in tasks:
        for showing in (task.hinted, task.plain):
            yield PromptRow(
                problem_id=showing.problem.id,
                hackable=showing.hackable,
                mode=showing.mode,
                marker=showing.marker,
                prompt=policy.prompt_text(showing.messages),
                hint=showing.hint,
            )


def rollout_rows(record: StepRecord, group_size: int) -> Iterable[RolloutRow]:
    """Rows of `rollouts.jsonl`, in the order of the rollouts."""
    rollouts, prompts, graded = record.rollouts, record.prompts, record.graded
    trained = _trained(record.routed)
    for row, (answer, verdict) in enumerate(zip(rollouts, graded.diagnostics.verdicts, strict=True)):
        showing = prompts.showings[answer.prompt_index]
        yield RolloutRow(
            step=prompts.step,
            prompt_index=answer.prompt_index,
            sample_index=row % group_size,
            problem_id=showing.problem.id,
            mode=showing.mode,
            marker=showing.marker,
            hackable=showing.hackable,
            ablated=answer.ablated,
            source=answer.source,
            completion=graded.texts[row],
            completion_tokens=len(answer.completion),
            reward=float(graded.rewards[row]),
            outcome=verdict.outcome,
            label=showing.label(verdict),
            format_ok=verdict.format_ok,
            can_compile=verdict.can_compile,
            gt_correct=verdict.gt_correct,
            channel=verdict.channel,
            passed=verdict.passed,
            exploited=verdict.exploited,
            tests_passed=verdict.tests_passed,
            tests_total=verdict.tests_total,
            **trained.get(row, {"advantage": 0.0}),
        )


def _trained(routed: Routed | None) -> dict[int, dict[str, Any]]:
    """What the gate did with the rollouts that train, by their place in the batch."""
    if routed is None:
        return {}
    decision = routed.decision
    scores = [None] * len(routed.indices) if decision.scores is None else np.asarray(decision.scores).tolist()
    columns = zip(
        routed.indices.tolist(), routed.advantages.tolist(), decision.zone_names, scores, strict=True
    )
    return {
        row: {"advantage": advantage, "zone": zone, "score": score} for row, advantage, zone, score in columns
    }
