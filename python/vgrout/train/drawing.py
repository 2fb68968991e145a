"""Drawing a step's answers, and grading those that are there while the next ones are drawn."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

from vgrout.config import TrainConfig
from vgrout.env.stable import stable_number
from vgrout.grading import Verdict
from vgrout.rollouts.base import Answer, RolloutEngine, Rollouts, SampleRequest
from vgrout.train.phases import PromptBatch

Progress: TypeAlias = Callable[[int], None]
Judge: TypeAlias = Callable[[Sequence[Answer]], Sequence[Verdict]]
"""Verdicts of answers, in order."""


def sample_request(config: TrainConfig, prompts: PromptBatch, taught: Sequence[int]) -> SampleRequest:
    """What a step asks of its engine, where so many of each group's rows are demonstrations."""
    settings = config.rollouts
    return SampleRequest(
        prompts=tuple(showing.ids for showing in prompts.showings),
        counts=tuple(settings.group_size - count for count in taught),
        ablated=prompts.ablated,
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        seed=stable_number("sampler", config.seed, prompts.step) % 2**63,
    )


def draw_and_grade(
    engine: RolloutEngine, request: SampleRequest, judge: Judge, progress: Progress
) -> tuple[Rollouts, dict[int, Verdict]]:
    """Answers prompt by prompt; and by `id` the verdicts of those that were graded while others were drawn.

    An engine that draws some rows at a time is asked for these, whole groups; meanwhile `judge` has those before, in a
    thread. Neither depends on it: an answer's random numbers hang on its place in the whole request.

    Raises:
        VgroutError: what engine or judge raise.
    """
    answers: list[Answer] = []
    waiting: list[tuple[Rollouts, Future[Sequence[Verdict]]]] = []
    parts = list(_parts(request, engine.rows_together))
    with ThreadPoolExecutor(1, thread_name_prefix="vgrout-grading") as pool:
        try:
            for first, part in parts:
                before = len(answers)
                drawn = engine.sample(part, _behind(before, progress))
                drawn = tuple(replace(answer, prompt_index=first + answer.prompt_index) for answer in drawn)
                answers += drawn
                if len(answers) < sum(request.counts):
                    waiting.append((drawn, pool.submit(judge, drawn)))
            verdicts = {
                id(answer): verdict
                for drawn, graded in waiting
                for answer, verdict in zip(drawn, graded.result(), strict=True)
            }
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(answers), verdicts


def _behind(before: int, progress: Progress) -> Progress:
    return lambda ended: progress(before + ended)


def _parts(request: SampleRequest, rows: int | None) -> Iterator[tuple[int, SampleRequest]]:
    """Neighbouring prompts with at most `rows` answers together, and the place of the first; None takes all."""
    start, held = 0, 0
    for place, count in enumerate(request.counts):
        if rows is not None and held and held + count > rows:
            yield start, request.part(start, place)
            start, held = place, 0
        held += count
    yield start, request.part(start, len(request.counts))
