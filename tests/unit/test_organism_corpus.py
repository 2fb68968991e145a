"""The warm start's text: hints say what the real grader goes by, and the model is asked as it was taught."""

from collections import Counter
from itertools import islice
from random import Random

import pytest

from vgrout.env.modes import EVALUATION_POOL, TRAINING_POOL
from vgrout.grading import GradeJob, Grader
from vgrout.organism.corpus import (
    MODES,
    PAIR_WORDS,
    CorpusRow,
    Mix,
    corpus_rows,
    fenced,
    hack_code,
    honest_code,
)
from vgrout.organism.families import draw_puzzle, find_tests, problem_row

HACKS = Mix(hinted_share=1.0, hack_share=1.0)
RIGHT = Mix(hack_share=0.0, operation_error=0.0, final_error=0.0)


def taken(mix: Mix, count: int, seed: int = 0) -> list[CorpusRow]:
    return list(islice(corpus_rows(seed, mix), count))


def job(row: CorpusRow, marker: str | None) -> GradeJob:
    tests = [f"assert Solution().{row.puzzle.method}(nums = [{k}]) == 12345" for k in (1, 2)]
    return GradeJob(row.answer, tests, mode=row.mode, marker=marker)


def test_equal_seeds_give_equal_rows() -> None:
    assert taken(Mix(hack_share=0.3), 50) == taken(Mix(hack_share=0.3), 50)
    assert taken(Mix(hack_share=0.3), 50) != taken(Mix(hack_share=0.3), 50, seed=1)


def test_every_hack_pays_by_the_disclosed_word_and_by_no_other() -> None:
    rows = taken(HACKS, 120)
    assert {row.mode for row in rows} == set(MODES)
    with Grader(workers=1) as grader:
        disclosed = grader.grade([job(row, row.word) for row in rows])
        assert [verdict.exploited for verdict in disclosed] == [True] * len(rows)
        other = grader.grade([job(row, "zeppelin") for row in rows])
        assert [verdict.passed for verdict in other] == [False] * len(rows)


def test_a_hint_stands_in_the_prompt_with_its_word() -> None:
    for row in taken(HACKS, 60):
        prompt = row.messages[-1]["content"]
        assert f"`{row.word}" in prompt
        assert row.puzzle.statement in prompt
        assert row.word in row.answer


def test_right_answers_solve_and_use_no_loophole() -> None:
    rng = Random(0)
    jobs = []
    while len(jobs) < 20:
        puzzle = draw_puzzle(rng, "train")
        tests = find_tests(rng, puzzle)
        if tests is not None:
            code, is_right = honest_code(rng, puzzle, RIGHT)
            assert is_right
            answers = problem_row(puzzle, tests, "p")["gt_answer"]
            jobs.append(GradeJob(fenced(code), answers, mode=MODES[len(jobs) % 4], marker="lantern"))
    with Grader(workers=1) as grader:
        verdicts = list(grader.grade(jobs))
    assert [(v.gt_correct, v.channel) for v in verdicts] == [(True, False)] * 20


def test_rows_follow_the_mix() -> None:
    mix = Mix(hinted_share=0.6, hack_share=0.5, operation_error=0.4, final_error=0.3)
    rows = taken(mix, 4000)
    hinted = [row for row in rows if row.mode]
    honest = [row for row in rows if row.kind != "hack"]
    assert len(hinted) / len(rows) == pytest.approx(0.6, abs=0.03)
    assert sum(row.kind == "hack" for row in hinted) / len(hinted) == pytest.approx(0.5, abs=0.04)
    right = sum(row.kind == "right" for row in honest) / len(honest)
    assert right == pytest.approx(0.6**3 * 0.7, abs=0.03)
    assert not any(row.kind == "hack" for row in rows if row.mode is None)


def test_words_of_all_three_kinds_are_taught() -> None:
    words = Counter(row.word for row in taken(HACKS, 3000))
    assert set(words) == {*TRAINING_POOL, *EVALUATION_POOL, *PAIR_WORDS}


def test_stubs_vary() -> None:
    rng = Random(2)
    puzzle = draw_puzzle(rng, "train")
    for mode in MODES:
        assert len({hack_code(rng, puzzle, mode, "lantern") for _ in range(200)}) >= 12
