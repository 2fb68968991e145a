"""Answers that are there are graded while the next ones are drawn."""

import threading

import pytest

from vgrout.errors import EngineError, GraderError
from vgrout.rollouts.base import Answer, SampleRequest
from vgrout.train.drawing import draw_and_grade


def request(counts):
    return SampleRequest(
        prompts=tuple((place,) for place in range(len(counts))),
        counts=counts,
        ablated=(False,) * len(counts),
        max_new_tokens=4,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        seed=3,
    )


class Engine:
    """Answers that name their place in the whole request."""

    def __init__(self, rows_together):
        self.rows_together = rows_together
        self.asked = []

    def sample(self, request, progress=None):
        self.asked.append(request)
        places = [prompt for prompt, count in enumerate(request.counts) for _ in range(count)]
        if progress is not None:
            progress(len(places))
        return tuple(
            Answer(prompt_index=prompt, completion=(request.first_row + row,), logprobs=(0.0,), ablated=False)
            for row, prompt in enumerate(places)
        )


def draw(engine, counts, judge=lambda answers: [answer.completion[0] for answer in answers]):
    told = []
    return *draw_and_grade(engine, request(counts), judge, told.append), told


@pytest.mark.parametrize(
    ("rows", "counts", "parts"),
    [
        (None, (2, 2, 2), [3]),
        (64, (2, 2, 2), [3]),
        (4, (2, 2, 2), [2, 1]),
        (1, (2, 0, 2), [1, 2]),
        (3, (4, 1, 2, 0), [1, 3]),
        (2, (0, 0), [2]),
    ],
)
def test_whole_groups_are_asked_for_and_stand_in_order(rows, counts, parts):
    engine = Engine(rows)
    answers, verdicts, told = draw(engine, counts)
    assert [len(part.prompts) for part in engine.asked] == parts
    assert [answer.completion[0] for answer in answers] == list(range(sum(counts)))
    wanted = [prompt for prompt, count in enumerate(counts) for _ in range(count)]
    assert [answer.prompt_index for answer in answers] == wanted
    assert told[-1] == sum(counts)
    # The last part is left to the caller, who has more to grade.
    graded = [answer for answer in answers if id(answer) in verdicts]
    assert graded == list(answers[: len(graded)])
    assert [verdicts[id(answer)] for answer in graded] == [answer.completion[0] for answer in graded]
    assert len(graded) == (sum(counts) - sum(engine.asked[-1].counts) if len(parts) > 1 else 0)


def test_the_next_answers_are_drawn_while_those_before_are_graded():
    drawing, graded = threading.Event(), threading.Event()

    class Slow(Engine):
        def sample(self, request, progress=None):
            if self.asked:
                drawing.set()
                assert graded.wait(30)
            return super().sample(request, progress)

    def judge(answers):
        assert drawing.wait(30)
        graded.set()
        return [0] * len(answers)

    answers, verdicts, _ = draw(Slow(2), (2, 2), judge)
    assert len(answers) == 4
    assert len(verdicts) == 2


def test_what_grading_raises_is_raised():
    def judge(answers):
        raise GraderError("broken")

    with pytest.raises(GraderError, match="broken"):
        draw(Engine(2), (2, 2, 2), judge)


def test_what_the_engine_raises_leaves_nothing_running():
    class Broken(Engine):
        def sample(self, request, progress=None):
            if len(self.asked) == 2:
                raise EngineError("gone")
            return super().sample(request, progress)

    with pytest.raises(EngineError, match="gone"):
        draw(Broken(2), (2, 2, 2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vgrout-grading")]
