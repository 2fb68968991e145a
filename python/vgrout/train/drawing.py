"""Drawing a step's answers, and grading those that are there while the next ones are drawn."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from vgrout.grading import Verdict
from vgrout.rollouts.base import Answer, RolloutEngine, Rollouts, SampleRequest

Judge = Callable[[Sequence[Answer]], Sequence[Verdict]]
"""Verdicts of answers, in order."""


def draw_and_grade(
    engine: RolloutEngine, request: SampleRequest, judge: Judge, progress: Callable[[int], None]
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
                drawn = engine.sample(part, lambda ended, before=before: progress(before + ended))
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


def _parts(request: SampleRequest, rows: int | None) -> Iterator[tuple[int, SampleRequest]]:
    """Neighbouring prompts with at most `rows` answers together, and the place of the first; None takes all."""
    start, held = 0, 0
    for place, count in enumerate(request.counts):
        if rows is not None and held and held + count > rows:
            yield start, request.part(start, place)
            start, held = place, 0
        held += count
    yield start, request.part(start, len(request.counts))
