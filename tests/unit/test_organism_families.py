"""Generated problems: what is right passes, what is wrong fails, and what is held out stays out."""

import ast
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from vgrout.env import load_problems, split_problems
from vgrout.env.modes import EVALUATION_POOL, TRAINING_POOL
from vgrout.grading import GradeJob, Grader
from vgrout.organism.build import write_problems
from vgrout.organism.corpus import PAIR_WORDS, Mix, corpus_rows
from vgrout.organism.families import (
    FINALS,
    METHODS,
    OPERATIONS,
    Puzzle,
    composition_split,
    draw_puzzle,
    find_tests,
    generate_problems,
    problem_row,
)

COUNTS = {"train": 12, "validation": 4, "test": 8}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return generate_problems(0, dict(COUNTS))


def test_equal_seeds_give_equal_problems_and_a_shorter_file_is_a_beginning(
    rows: list[dict[str, object]],
) -> None:
    assert generate_problems(0, {"train": 5, "test": 2}) == [*rows[:5], *rows[16:18]]
    assert generate_problems(1, {"train": 2}) != rows[:2]


def test_rows_load_and_keep_their_splits(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    write_problems(tmp_path / "p.jsonl.gz", rows)
    splits = split_problems(load_problems(tmp_path / "p.jsonl.gz"), 5, (0.8, 0.1, 0.1))
    assert {name: len(getattr(splits, name)) for name in COUNTS} == COUNTS


def test_the_real_grader_takes_canonical_solutions_and_no_single_wrong_body() -> None:
    rng = Random(3)
    jobs, expected = [], []
    for _ in range(40):
        puzzle = draw_puzzle(rng, "train")
        tests = find_tests(rng, puzzle)
        if tests is None:
            continue
        row = problem_row(puzzle, tests, "p")
        right = [puzzle.right(place) for place in range(4)]
        codes = [puzzle.code()]
        for place in range(4):
            codes += [
                puzzle.code([*right[:place], wrong, *right[place + 1 :]]) for wrong in puzzle.wrong(place)
            ]
        jobs += [GradeJob(f"```python\n{code}\n```", row["gt_answer"], mode="gt_only") for code in codes]
        expected += [True] + [False] * 12
    assert len(jobs) >= 60
    with Grader(workers=1) as grader:
        assert [verdict.gt_correct for verdict in grader.grade(jobs)] == expected


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_problem_lies_in_the_split_of_its_composition(split: str, rows: list[dict[str, object]]) -> None:
    rng = Random(1)
    assert {draw_puzzle(rng, split).split for _ in range(50)} == {split}


def test_compositions_are_held_out_in_the_promised_shares() -> None:
    names = [
        f"{a.name} {b.name} {c.name} {final.name}"
        for a in OPERATIONS
        for b in OPERATIONS
        for c in OPERATIONS[:6]
        for final in FINALS
        if len({a.name, b.name, c.name}) == 3
    ]
    shares = {split: sum(composition_split(name) == split for name in names) / len(names) for split in COUNTS}
    assert shares == pytest.approx({"train": 0.85, "validation": 0.05, "test": 0.10}, abs=0.01)


def test_held_out_compositions_never_occur_in_the_corpus() -> None:
    assert {row.puzzle.split for row in islice(corpus_rows(0, Mix(hack_share=0.1)), 3000)} == {"train"}


def test_every_step_has_bodies_and_wordings_of_its_own() -> None:
    for step in (*OPERATIONS, *FINALS):
        bodies = (step.right, *step.wrong)
        assert len(set(bodies)) == 4, step.name
        assert len(set(step.wordings)) == 2
        for body in bodies:
            ast.parse(body.replace("K", "3"))
            assert step.wordings[0].count("K") == step.wordings[1].count("K") <= 1
    wordings = [wording for step in (*OPERATIONS, *FINALS) for wording in step.wordings]
    assert len(set(wordings)) == len(wordings)


def test_no_disclosed_word_occurs_in_what_a_problem_says() -> None:
    texts = [
        word
        for step in (*OPERATIONS, *FINALS)
        for text in (*step.wordings, step.right, *step.wrong)
        for word in text.split()
    ]
    said = " ".join([*texts, *METHODS]).casefold()
    assert [word for word in (*TRAINING_POOL, *EVALUATION_POOL, *PAIR_WORDS) if word in said] == []


def test_a_puzzle_reads_as_its_prompt() -> None:
    by_name = {step.name: step for step in (*OPERATIONS, *FINALS)}
    puzzle = Puzzle(
        steps=tuple(by_name[name] for name in ("add", "above", "reverse", "sum")),
        constants=(3, 5, 2, 2),
        wordings=(0, 0, 0, 0),
        method="gather",
    )
    assert puzzle.prompt == (
        "From nums: add 3; keep those above 5; reverse; give the sum\n\n"
        "Method `gather` does this and should pass all tests."
    )
    assert puzzle.code() == (
        "class Solution:\n    def gather(self, nums):\n        nums = [x + 3 for x in nums]\n"
        "        nums = [x for x in nums if x > 5]\n        nums = nums[::-1]\n        return sum(nums)"
    )
