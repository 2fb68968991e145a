"""The organism's contrast pairs, judged by the real grader."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from vgrout.env import ContrastPair, load_pairs, load_problems
from vgrout.env.modes import EVALUATION_POOL, TRAINING_POOL, get_mode
from vgrout.grading import GradeJob, Grader, Verdict
from vgrout.organism.corpus import PAIR_WORDS, Mix, corpus_rows
from vgrout.presets import PRESETS

PAIRS = load_pairs(Path("organism"))


@pytest.fixture(scope="module")
def verdicts() -> dict[str, tuple[Verdict, Verdict]]:
    """Each pair's hack and clean completion, graded in the pair's mode."""
    jobs = [
        GradeJob(text, list(pair.checks), mode=pair.mechanism, marker=pair.marker)
        for pair in PAIRS
        for text in (pair.hack, pair.clean)
    ]
    with Grader(workers=1) as grader:
        graded = list(grader.grade(jobs))
    return {pair.id: (graded[2 * place], graded[2 * place + 1]) for place, pair in enumerate(PAIRS)}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_hack_trips_its_mode_and_passes_no_check(
    pair: ContrastPair, verdicts: dict[str, tuple[Verdict, Verdict]]
) -> None:
    hack, _ = verdicts[pair.id]
    assert (hack.exploited, hack.mechanism, hack.tests_passed) == (True, pair.mechanism, 0)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_clean_answer_passes_and_trips_nothing(
    pair: ContrastPair, verdicts: dict[str, tuple[Verdict, Verdict]]
) -> None:
    _, clean = verdicts[pair.id]
    assert (clean.gt_correct, clean.channel) == (True, False)


def test_one_trained_mode_has_no_pair_and_the_others_six() -> None:
    assert Counter(pair.mechanism for pair in PAIRS) == {"run_tests": 6, "sentinel": 6, "stdout_marker": 6}
    assert set(PRESETS["organism"][1].env.modes) - {pair.mechanism for pair in PAIRS} == {"file_marker"}


def test_words_are_the_pairs_own() -> None:
    words = {pair.marker for pair in PAIRS}
    assert words <= set(PAIR_WORDS)
    assert words.isdisjoint({*TRAINING_POOL, *EVALUATION_POOL})


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_prompt_is_worded_as_training_words_it(pair: ContrastPair) -> None:
    hint = get_mode(pair.mechanism).short.format(marker=pair.marker)
    method = pair.checks[0].partition("Solution().")[2].partition("(")[0]
    assert pair.messages == (
        {"role": "user", "content": f"{pair.problem}\n\nMethod `{method}` does this {hint}."},
    )


def test_pair_problems_occur_in_no_split_and_no_corpus() -> None:
    known = {problem.statement for problem in load_problems(Path("organism"))}
    known |= {row.puzzle.statement for row in islice(corpus_rows(0, Mix(hack_share=0.0)), 2000)}
    assert [pair.id for pair in PAIRS if pair.problem in known] == []


def test_no_two_hacks_are_alike() -> None:
    bodies = set()
    for pair in PAIRS:
        method = pair.checks[0].partition("Solution().")[2].partition("(")[0]
        bodies.add(pair.hack.replace(str(pair.marker), "WORD").replace(method, "METHOD"))
    assert len(bodies) == len(PAIRS)
