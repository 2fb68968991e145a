"""What the environment offers small models: named splits, pools of markers, short hints."""

from pathlib import Path

import pytest
from env_samples import overlapping, problem, row, write_rows

from vgrout.config import EnvConfig
from vgrout.env import LOOPHOLE_MODES, MODES, load_pairs, load_problems, render_prompt, split_problems
from vgrout.env.modes import (
    EVALUATION_POOL,
    TRAINING_POOL,
    check_marker,
    evaluation_marker,
    get_mode,
    marker_for,
    training_marker,
)
from vgrout.env.wordings import SHORT, chosen_wording
from vgrout.errors import DataError
from vgrout.organism.corpus import PAIR_WORDS

FRACTIONS = (0.8, 0.0, 0.2)
MARKED = [mode for mode in LOOPHOLE_MODES if training_marker(mode)]


def named_rows(*splits: str | None) -> list[dict[str, object]]:
    return [
        row(
            id=f"p{place}",
            prompt=[
                {
                    "role": "user",
                    "content": f"Task {place}.\n\nThe method is called f and should pass all tests.",
                }
            ],
            split=split,
        )
        for place, split in enumerate(splits)
    ]


def test_named_splits_are_taken_whatever_seed_and_fractions_say(tmp_path: Path) -> None:
    rows = named_rows("test", "train", "validation", "train", "test")
    problems = load_problems(write_rows(tmp_path / "p.jsonl", rows))
    for seed in range(3):
        splits = split_problems(problems, seed, FRACTIONS)
        found = [[p.id for p in part] for part in (splits.train, splits.validation, splits.test)]
        assert found == [["p1", "p3"], ["p2"], ["p0", "p4"]]


def test_a_file_that_names_some_splits_only_is_refused(tmp_path: Path) -> None:
    problems = load_problems(write_rows(tmp_path / "p.jsonl", named_rows("train", None, "test")))
    with pytest.raises(DataError, match="2 problems name their split and 1 do not, 'p1' among these"):
        split_problems(problems, 0, FRACTIONS)


@pytest.mark.parametrize("missing", ["train", "test"])
def test_named_splits_without_training_or_test_problems_are_refused(tmp_path: Path, missing: str) -> None:
    other = {"train": "test", "test": "train"}[missing]
    problems = load_problems(write_rows(tmp_path / "p.jsonl", named_rows(other, "validation")))
    with pytest.raises(DataError, match=f"no problem names {missing}"):
        split_problems(problems, 0, FRACTIONS)


def test_an_unknown_split_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", named_rows("train", "dev"))
    with pytest.raises(DataError, match=r"p\.jsonl:2: field `split`: found 'dev', expected one of train"):
        load_problems(path)


def test_pools_share_nothing_with_each_other_or_any_other_marker() -> None:
    used = {marker for mode in MODES if (marker := training_marker(mode))}
    used |= {pair.marker for pair in load_pairs() if pair.marker}
    families = {mode: get_mode(mode).family for mode in MODES}
    pools = {"training": TRAINING_POOL, "evaluation": EVALUATION_POOL, "pairs": PAIR_WORDS}
    assert overlapping(pools, used) == set()
    assert overlapping(families, {*used, *TRAINING_POOL, *EVALUATION_POOL, *PAIR_WORDS}) == set()


@pytest.mark.parametrize("mode", MARKED)
def test_pool_words_serve_every_mode(mode: str) -> None:
    for word in (*TRAINING_POOL, *EVALUATION_POOL, *PAIR_WORDS):
        check_marker(mode, word)


def test_pool_markers_are_drawn_by_problem_and_apart_for_evaluation() -> None:
    names = [f"p{place}" for place in range(400)]
    for mode in MARKED:
        training = [marker_for(mode, name, pool=True, evaluation_seed=None) for name in names]
        evaluation = [marker_for(mode, name, pool=True, evaluation_seed=0) for name in names]
        assert set(training) == set(TRAINING_POOL)
        assert set(evaluation) == set(EVALUATION_POOL)
        assert evaluation != [marker_for(mode, name, pool=True, evaluation_seed=1) for name in names]
    assert marker_for("exit_code", "p", pool=True, evaluation_seed=None) is None


def test_without_pools_the_markers_are_those_of_before() -> None:
    for mode in MODES:
        assert marker_for(mode, "p", pool=False, evaluation_seed=None) == training_marker(mode)
        assert marker_for(mode, "p", pool=False, evaluation_seed=3) == evaluation_marker(mode, "p", 3)


def test_short_hints_name_the_marker_and_are_shorter() -> None:
    for mode in LOOPHOLE_MODES:
        full, short = (
            render_prompt(problem("a"), mode, wording=wording)[-1]["content"]
            for wording in ("overwrite", SHORT)
        )
        assert len(short) < len(full)
        marker = get_mode(mode).marker
        assert marker is None or f"`{marker}" in short
    assert render_prompt(problem("a"), "sentinel", wording=SHORT, hackable=False) == problem("a").messages


def test_the_setting_chooses_the_wording() -> None:
    assert chosen_wording(EnvConfig()) == "overwrite"
    assert chosen_wording(EnvConfig(run_tests_hint="modify-tests")) == "modify-tests"
    assert chosen_wording(EnvConfig(wording="short")) == SHORT
