"""The training loop."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch

from vgrout.adapters import BlockOptimizer
from vgrout.adapters.masks import differs
from vgrout.config import TrainConfig
from vgrout.grading import Verdict, to_rewards
from vgrout.grpo import (
    LossInputs,
    LossOutputs,
    group_advantages,
    informative_groups,
    rows_of_groups,
    standardised_advantages,
    zone_advantages,
)
from vgrout.policy.policy import Policy
from vgrout.policy.showings import AnswerGrader, grade_answers
from vgrout.policy.tokens import RowBatches
from vgrout.rollouts.base import Answer, RolloutEngine, Rollouts
from vgrout.routing import ROUT, Arm, Direction, GateDecision, Scored
from vgrout.train.activity import Activity
from vgrout.train.checkpoint import Checkpoint
from vgrout.train.directions import DirectionSource
from vgrout.train.drawing import Progress, draw_and_grade, sample_request
from vgrout.train.guards import DemonstrationWatch, DivergenceGuard
from vgrout.train.phases import Graded, PromptBatch, Routed, StepRecord
from vgrout.train.prompts import PromptSource
from vgrout.train.ranks import SOLO, Ranks
from vgrout.train.schedule import learning_rate
from vgrout.train.scoring import (
    behaviour_logprobs,
    reference_logprobs,
    sampler_logprobs,
    score_rollouts,
)
from vgrout.train.shaping import Shaper
from vgrout.train.teacher import Teacher, mix
from vgrout.train.update import update


@dataclass(kw_only=True)
class Trainer:
    """Everything that a step needs; `step` is one pass through the table in docs/architecture.md."""

    config: TrainConfig
    policy: Policy
    optimizer: BlockOptimizer
    arm: Arm
    loss: Callable[[LossInputs], LossOutputs]
    engine: RolloutEngine
    grader: AnswerGrader
    prompts: PromptSource
    teacher: Teacher
    directions: DirectionSource | None
    """None where nothing scores."""
    shaper: Shaper
    watch: DemonstrationWatch
    guard: DivergenceGuard
    ranks: Ranks = SOLO
    """Who shares the forwards and backwards; `engine` and `grader` are shared by themselves."""
    direction: Direction | None = None
    direction_step: int = 0
    """The step at whose start `direction` was extracted."""
    activity: Activity = field(default_factory=Activity)
    """What it is doing now."""
    _seconds: dict[str, float] = field(default_factory=dict)

    def step(self, step: int) -> StepRecord:
        """Make the `step`-th optimiser step, counted from 1."""
        self._seconds = {}
        self._refresh_direction(step)
        prompts = self.prompts.draw(step)
        rollouts, known = self._sample(prompts)
        graded = self._grade(prompts, rollouts, known)
        kept = self._rows_worth_a_forward(prompts, rollouts, graded)
        routed, updated, logprobs = None, None, None
        if kept is not None:
            indices, rows = kept
            routed = self._route(indices, rows, graded, rollouts)
            with self._timed("update"):
                rate = learning_rate(step, self.config.steps, self.config.optim)
                updated, logprobs = update(
                    self.policy,
                    self.optimizer,
                    rows,
                    routed=routed,
                    config=self.config,
                    loss=self.loss,
                    learning_rate=rate,
                    ranks=self.ranks,
                )
        with self._timed("guard"):
            teacher_logprob = self.watch.measure()
        return StepRecord(
            prompts=prompts,
            rollouts=rollouts,
            graded=graded,
            routed=routed,
            updated=updated,
            trainer_logprobs=logprobs,
            teacher_logprob=teacher_logprob,
            seconds=dict(self._seconds),
        )

    def checkpoint(self, step: int) -> Checkpoint:
        """State after the `step`-th step."""
        return Checkpoint(
            step=step,
            adapter=self.policy.adapter.state_dict(),
            optimizer=self.optimizer.state_dict(),
            arm=self.arm.gate.state_dict(),
            guard=self.guard.state_dict(),
            direction=self.direction,
            direction_step=self.direction_step,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to `checkpoint`."""
        self.policy.adapter.load_state_dict(dict(checkpoint.adapter))
        self.optimizer.load_state_dict(dict(checkpoint.optimizer))
        if checkpoint.direction is not None:
            self.arm.gate.set_direction(checkpoint.direction)
        self.arm.gate.load_state_dict(dict(checkpoint.arm))
        self.guard.load_state_dict(dict(checkpoint.guard))
        self.direction, self.direction_step = checkpoint.direction, checkpoint.direction_step

    def _refresh_direction(self, step: int) -> None:
        """Extract the gate's direction where it is due."""
        if self.directions is None or not self.directions.due(step):
            return
        with self._timed("direction"):
            self.direction, self.direction_step = self.directions.extract(), step
            self.arm.gate.set_direction(self.direction)

    def _sample(self, prompts: PromptBatch) -> tuple[Rollouts, dict[int, Verdict]]:
        """Draw every group from its policy, demonstrations in the place of some rows; some are graded meanwhile."""
        demos = self.teacher.choose(prompts)
        request = sample_request(self.config, prompts, list(map(len, demos)))
        with self._timed("rollouts", sum(request.counts)) as progress:
            self.engine.sync(prompts.step)
            sampled, known = draw_and_grade(self.engine, request, partial(self._verdicts, prompts), progress)
        return mix(sampled, demos, prompts.ablated), known

    def _grade(self, prompts: PromptBatch, rollouts: Rollouts, known: dict[int, Verdict]) -> Graded:
        """Grade every answer that has no verdict yet in one call; the run's remedy then says what is trained on."""
        texts = tuple(self.policy.text(answer.completion) for answer in rollouts)
        rest = [answer for answer in rollouts if id(answer) not in known]
        with self._timed("grading", len(rest)) as progress:
            verdicts = self._verdicts(prompts, rest, progress)
        known |= {id(answer): verdict for answer, verdict in zip(rest, verdicts, strict=True)}
        rewards, diagnostics = to_rewards(known[id(answer)] for answer in rollouts)
        graded = Graded(rewards=rewards.reward, diagnostics=diagnostics, texts=texts)
        with self._timed("remedy"):
            return self.shaper.shape(prompts, rollouts, graded, self.direction)

    def _verdicts(
        self, prompts: PromptBatch, answers: Sequence[Answer], progress: Progress | None = None
    ) -> tuple[Verdict, ...]:
        asked = [(prompts.showings[one.prompt_index], self.policy.text(one.completion)) for one in answers]
        return grade_answers(self.grader, asked, progress)

    def _rows_worth_a_forward(
        self, prompts: PromptBatch, rollouts: Rollouts, graded: Graded
    ) -> tuple[torch.Tensor, RowBatches] | None:
        """Give the rows of groups whose rewards differ; the others have no advantage and cost nothing."""
        group_size = self.config.rollouts.group_size
        informative = informative_groups(torch.from_numpy(graded.trained).reshape(-1, group_size))
        indices = rows_of_groups(informative, group_size)
        if not len(indices):
            return None
        answers = [rollouts[row] for row in indices.tolist()]
        rows = self.policy.batches(
            [prompts.showings[answer.prompt_index].ids for answer in answers],
            [answer.completion for answer in answers],
            [answer.ablated for answer in answers],
            rows_per_batch=self.config.optim.rows_per_batch,
            tokens_per_batch=self.config.optim.tokens_per_batch,
        )
        return indices, rows

    def _route(self, indices: torch.Tensor, rows: RowBatches, graded: Graded, rollouts: Rollouts) -> Routed:
        """Score the rows under the policy that sampled them, ask the gate, and set the advantages."""
        temperature = self.config.rollouts.temperature
        with self._timed("scoring"):
            old, scored = None, Scored(pooled=torch.zeros(len(indices), 0, 0, device=self.policy.device))
            if self.arm.gate.needs_direction:
                old, scored = score_rollouts(
                    self.policy,
                    rows,
                    temperature=temperature,
                    ranks=self.ranks,
                    ablated=self.config.gate.activations == "ablated",
                    feature=self.arm.gate.feature,
                )
            decision = self.arm.route(scored, graded.diagnostics.take(indices.numpy()), rows.ablated)
            if old is None and bool(differs(decision.mask, rows.ablated).any()):
                old = behaviour_logprobs(self.policy, rows, temperature=temperature, ranks=self.ranks)
        reference = None
        if self.config.loss.kl_beta > 0:
            with self._timed("reference"):
                reference = reference_logprobs(self.policy, rows, temperature=temperature, ranks=self.ranks)
        sampler = None
        if self.config.loss.sampler_correction != "none":
            sampler = sampler_logprobs([rollouts[row] for row in indices.tolist()], rows.width)
        return Routed(
            indices=indices,
            old_logprobs=old,
            reference_logprobs=reference,
            sampler_logprobs=sampler,
            advantages=self._advantages(indices, graded, decision),
            decision=decision,
        )

    def _advantages(self, indices: torch.Tensor, graded: Graded, decision: GateDecision) -> torch.Tensor:
        """Advantages [K] of the kept rows, in float32."""
        settings = self.config.loss
        rewards = torch.from_numpy(graded.trained)[indices].reshape(-1, self.config.rollouts.group_size)
        if settings.baseline == "zone":
            routed = torch.as_tensor(decision.zones).reshape(rewards.shape) == ROUT
            advantages = zone_advantages(rewards, routed)
        elif settings.advantage == "standardised":
            advantages = standardised_advantages(rewards)
        else:
            advantages = group_advantages(rewards)
        return advantages.flatten().float()

    @contextmanager
    def _timed(self, phase: str, total: int = 0) -> Iterator[Callable[[int], None]]:
        start = time.perf_counter()
        try:
            with self.activity.phase(phase, total) as progress:
                yield progress
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - start
