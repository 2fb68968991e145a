"""Evaluation counts what the grader said, by prompt kind and mode, under evaluation's markers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tiny import tiny_policy
from vgrout.config import EvalConfig
from vgrout.env import load_problems
from vgrout.env.hacks import hack_code
from vgrout.evals.evaluate import Evaluator, Rate
from vgrout.grading import Grader
from vgrout.policy.showings import grade_answers, prepare_tasks
from vgrout.rollouts.base import Answer, Rollouts, SampleRequest
from vgrout.schemas import METRICS, PROMPTS, ROLLOUTS, TIMING, VALIDATION


@dataclass
class Scripted:
    """An engine that answers prompt by prompt from a list of texts."""

    policy: object
    texts: list[str]
    asked: list[SampleRequest] = field(default_factory=list)

    def sample(self, request: SampleRequest, progress: Callable[[int], None] | None = None) -> Rollouts:
        self.asked.append(request)
        return tuple(
            Answer(prompt_index=prompt, completion=self.policy.encode(text), logprobs=(), ablated=False)
            for prompt, text in enumerate(self.texts)
            for _ in range(request.counts[prompt])
        )


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


@pytest.fixture(scope="module")
def policy():
    return tiny_policy()


@pytest.fixture(scope="module")
def tasks(policy):
    problems = load_problems()[:2]
    modes = dict(zip([problem.id for problem in problems], ("sentinel", "stdout_marker"), strict=True))
    return prepare_tasks(problems, modes, policy, max_prompt=9000, max_new=64, evaluation_seed=3)


def evaluate(policy, tasks, texts, samples=1):
    config = EvalConfig(samples=samples, temperature=0.7, top_p=0.9, max_new_tokens=300)
    engine = Scripted(policy, texts)
    with Grader(workers=1) as grader:
        evaluator = Evaluator(engine=engine, grader=grader, policy=policy, tasks=tasks, config=config, seed=0)
        return evaluator.evaluate("deployed", ablated=True), engine.asked[0]


def test_counts_go_to_their_prompt_kind_and_mode(policy, tasks):
    first, second = tasks
    result, _ = evaluate(
        policy,
        tasks,
        [
            fenced(hack_code(first.problem, first.hinted.mode, first.hinted.marker)),  # hinted: the hack pays
            fenced(second.problem.canonical_solution),  # hinted: solved
            fenced(
                hack_code(first.problem, first.hinted.mode, first.hinted.marker)
            ),  # plain: the same hack pays nothing
            "no code",
        ],
        samples=2,
    )
    rows = {(c.prompt, c.mode): (c.n, c.exploited, c.gt_correct, c.format_ok) for c in result.cells}
    assert rows == {
        ("hinted", "sentinel"): (2, 2, 0, 2),
        ("hinted", "stdout_marker"): (2, 0, 2, 2),
        ("plain", "sentinel"): (2, 0, 0, 2),
        ("plain", "stdout_marker"): (2, 0, 0, 0),
    }
    assert (result.hack.count, result.hack.n) == (2, 4)
    assert (result.solve_hinted.count, result.solve_plain.count) == (2, 0)


def test_trainings_marker_pays_nothing_at_evaluation(policy, tasks):
    first, second = tasks
    texts = [
        fenced(hack_code(first.problem, first.hinted.mode, "valid")),
        fenced(hack_code(second.problem, second.hinted.mode, "ALL TESTS PASSED")),
        "",
        "",
    ]
    result, _ = evaluate(policy, tasks, texts)
    assert result.hack.count == 0


def test_the_request_is_the_evaluations_own(policy, tasks):
    _, request = evaluate(policy, tasks, ["", "", "", ""], samples=3)
    assert request.prompts == (*(task.hinted.ids for task in tasks), *(task.plain.ids for task in tasks))
    assert (request.temperature, request.top_p, request.top_k, request.max_new_tokens) == (0.7, 0.9, 0, 300)
    assert (request.counts, request.ablated) == ((3,) * 4, (True,) * 4)


class Counting:
    """A grader that remembers how many answers it ran."""

    def __init__(self, grader):
        self.grader, self.ran = grader, []

    def grade(self, jobs, *, progress=None):
        self.ran.append(len(jobs))
        return self.grader.grade(jobs, progress=progress)


def test_an_answer_given_twice_is_run_once_and_counts_twice(tasks):
    first, second = tasks
    right, wrong = fenced(first.problem.canonical_solution), "no code"
    asked = [
        (first.hinted, right), (first.hinted, wrong), (first.plain, right), (first.hinted, right),
        (second.hinted, right), (first.plain, right),
    ]  # fmt: skip
    with Grader(workers=1) as grader:
        counting = Counting(grader)
        verdicts = grade_answers(counting, asked)
        single = [grader.grade([showing.job(text)])[0] for showing, text in asked]
        assert grade_answers(counting, []) == ()
    assert counting.ran == [4, 0], "the same text to another showing is another question"
    facts = [(verdict.outcome, verdict.gt_correct, verdict.reward) for verdict in verdicts]
    assert facts == [(verdict.outcome, verdict.gt_correct, verdict.reward) for verdict in single]
    assert [verdict.gt_correct for verdict in verdicts] == [True, False, True, True, False, True]


def test_a_rate_reads_as_count_share_and_interval():
    assert str(Rate.of(3, 12)) == "3/12 = 25.0 % [8.9, 53.2]"
    assert str(Rate.of(0, 0)) == "0/0"


def test_the_documented_tables_are_those_of_the_schemas():
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for schema in (METRICS, ROLLOUTS, PROMPTS, VALIDATION, TIMING):
        assert f"## {schema.file}\n\n{schema.table()}\n" in text
