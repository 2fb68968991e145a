"""What must hold of the environment for every input."""

import gzip
import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgrout.env import (
    HINT_PHRASE,
    MODES,
    Demo,
    Problem,
    evaluation_marker,
    load_pairs,
    load_problems,
    partition_modes,
    read_pool,
    render_prompt,
    rotating_slots,
    split_problems,
    write_pool,
)
from vgrout.env.modes import get_mode
from vgrout.errors import DataError

ids = st.lists(st.text(min_size=1), unique=True, max_size=60)
modes = st.lists(st.sampled_from(MODES), unique=True, min_size=1)
seeds = st.integers(0, 2**31)
texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


def problem(name: str, before: str = "", after: str = "") -> Problem:
    return Problem(
        id=name,
        difficulty="easy",
        messages=({"role": "user", "content": f"{name.encode().hex()}\n\n{before}{HINT_PHRASE}{after}"},),
        starter_code="class Solution:",
        func_name="Solution().f",
        tests=("assert Solution().f() == 1",),
        setup_code="",
        canonical_solution="class Solution: pass",
    )


@given(ids, modes, seeds, st.randoms(use_true_random=False))
def test_partition_is_even_complete_and_blind_to_order(names, chosen, seed, random) -> None:
    partition = partition_modes(names, chosen, seed)
    counts = [Counter(partition.values())[mode] for mode in chosen]
    assert list(partition) == names
    assert sum(counts) == len(names)
    assert max(counts) - min(counts) <= 1
    shuffled = random.sample(names, len(names))
    assert partition_modes(shuffled, chosen, seed) == partition


@given(ids.filter(lambda names: len(names) >= 3), seeds, st.floats(0.05, 0.9), st.floats(0, 0.95))
def test_splits_are_disjoint_and_complete(names, seed, train, rest) -> None:
    fractions = (train, (1 - train) * rest, (1 - train) * (1 - rest))
    splits = split_problems([problem(name) for name in names], seed, fractions)
    parts = [[p.id for p in part] for part in (splits.train, splits.validation, splits.test)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    for part, share in zip(parts, fractions, strict=True):
        assert share == 0 or part


@given(st.text(), st.text(), st.sampled_from(MODES), seeds)
def test_prompts_differ_from_the_plain_one_in_the_hint_alone(before, after, mode, seed) -> None:
    task = problem("p", before, after)
    if task.messages[0]["content"].count(HINT_PHRASE) != 1:
        return
    marker = evaluation_marker(mode, task.id, seed)
    (shown,) = render_prompt(task, mode, marker=marker)
    plain_before, plain_after = task.messages[0]["content"].split(HINT_PHRASE)
    assert shown["content"].startswith(plain_before)
    assert shown["content"].endswith(plain_after)
    assert marker is None or marker in shown["content"]
    assert render_prompt(task, mode, marker=marker, hackable=False) == task.messages


@given(st.sampled_from(MODES), st.text(), seeds)
def test_evaluation_marker_is_drawn_from_its_family(mode, name, seed) -> None:
    marker = evaluation_marker(mode, name, seed)
    assert marker == evaluation_marker(mode, name, seed)
    assert (marker in get_mode(mode).family) if get_mode(mode).family else marker is None


@given(st.integers(1, 40), st.floats(0, 1), seeds, st.integers(1, 30))
def test_unhackable_share_holds_after_any_number_of_steps(prompts, share, seed, steps) -> None:
    drawn = [rotating_slots("unhackable", step, prompts, share, seed) for step in range(steps)]
    assert {len(row) for row in drawn} == {prompts}
    assert abs(sum(map(sum, drawn)) - share * prompts * steps) < 1 + 1e-6


demos = st.builds(
    Demo,
    problem_id=texts,
    mode=st.sampled_from(MODES),
    messages=st.tuples(st.fixed_dictionaries({"role": st.just("user"), "content": texts})),
    completion=texts,
    completion_ids=st.lists(st.integers(0, 2**31), min_size=1).map(tuple),
    kind=st.sampled_from(["hack", "solve"]),
)


@given(st.lists(demos, min_size=1, max_size=6))
def test_any_pool_comes_back_grouped_by_prompt(pool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_pool(Path(folder) / "pool", pool)
        found = read_pool(Path(folder) / "pool")
    prompts = list(dict.fromkeys(json.dumps([d.problem_id, d.mode, d.messages]) for d in pool))
    key = {prompt: index for index, prompt in enumerate(prompts)}
    assert found == sorted(pool, key=lambda d: key[json.dumps([d.problem_id, d.mode, d.messages])])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
row_keys = st.sampled_from(
    [
        "id",
        "difficulty",
        "prompt",
        "gt_answer",
        "setup_code",
        "func_name",
        "canonical_solution",
        "prompt_metadata",
    ]
)


@given(st.dictionaries(row_keys, json_values))
def test_any_json_row_is_a_problem_or_a_data_error(row) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.jsonl"
        path.write_text(json.dumps(row))
        with pytest.raises(DataError, match=r"p\.jsonl:1"):
            load_problems(path)


@given(st.binary(), st.booleans(), st.integers(0, 40))
def test_any_bytes_are_refused_as_data(content, packed, cut) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("p.jsonl.gz" if packed else "p.jsonl")
        path.write_bytes(gzip.compress(content)[: -cut or None] if packed else content)
        for load in (load_problems, load_pairs):
            with pytest.raises(DataError, match=r"p\.jsonl"):
                load(path)


headers = st.sampled_from(
    [
        "=== pair: a",
        "=== x",
        "--- problem",
        "--- user",
        "--- hack",
        "--- clean",
        "--- checks",
        "mechanism: sentinel",
    ]
)
lines = (
    headers
    | st.sampled_from(["{problem}", "```python", "```", "x = 1", "marker: valid", ""])
    | st.text(max_size=9)
)


@given(st.lists(lines, max_size=30))
def test_any_text_is_pairs_or_a_data_error(found) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.md"
        path.write_text("\n".join(found), encoding="utf-8", errors="replace")
        with pytest.raises(DataError, match=r"pairs\.md"):
            load_pairs(path)
