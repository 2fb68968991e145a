"""Teacher pools on disk, and demonstrations written from templates."""

import gzip
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from env_samples import problem

from vgrout import GradeJob, Grader, Limits
from vgrout.env import (
    LOOPHOLE_MODES,
    MODES,
    Demo,
    load_problems,
    partition_modes,
    read_pool,
    scripted_demos,
    write_pool,
)
from vgrout.env.problems import Problem
from vgrout.errors import DataError

PROBLEMS = [problem(f"p{index}") for index in range(14)]


def encode(text: str) -> list[int]:
    return list(text.encode())


def demos(problems: list[Problem] = PROBLEMS, modes: tuple[str, ...] = LOOPHOLE_MODES) -> list[Demo]:
    return scripted_demos(problems, partition_modes([p.id for p in problems], modes, 0), encode)


def test_pool_comes_back_as_it_was_written(tmp_path: Path) -> None:
    pool = demos()
    pool[0] = replace(pool[0], completion="ünïcode\n```python\n```", completion_ids=(0, 151_643))
    write_pool(tmp_path / "pools" / "hack", pool)
    assert read_pool(tmp_path / "pools" / "hack") == pool
    names = sorted(path.name for path in (tmp_path / "pools" / "hack").iterdir())
    assert names == [f"prompt_{number:04}.jsonl.gz" for number in range(14)]
    assert [path.name for path in (tmp_path / "pools").iterdir()] == ["hack"]


def test_equal_pools_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pool(tmp_path / name, demos())
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert path.read_bytes()[4:8] == b"\0" * 4, "the header holds the time of writing"


def test_rows_of_one_prompt_share_a_file(tmp_path: Path) -> None:
    first, second = demos(PROBLEMS[:1])
    other = replace(first, problem_id="other")
    write_pool(tmp_path / "pool", [first, other, second])
    assert read_pool(tmp_path / "pool") == [first, second, other]


def test_existing_pool_is_not_overwritten(tmp_path: Path) -> None:
    write_pool(tmp_path / "pool", demos()[:1])
    with pytest.raises(DataError, match="pool: exists"):
        write_pool(tmp_path / "pool", demos())
    assert read_pool(tmp_path / "pool") == demos()[:1]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: exists"):
        write_pool(tmp_path / "file", demos())


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    broken = replace(demos()[1], completion_ids=(object(),))
    with pytest.raises(TypeError):
        write_pool(tmp_path / "pool", [demos()[0], broken])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="no demo to write"):
        write_pool(tmp_path / "pool", [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "trick"}, "field `kind`: found 'trick', expected hack or solve"),
        ({"mode": "magic"}, "field `mode`: found 'magic'"),
        ({"completion_ids": []}, "field `completion_ids`: found []"),
        ({"completion_ids": [1, -1]}, "field `completion_ids`: found [1, -1]"),
        ({"completion_ids": [True]}, "field `completion_ids`: found [True]"),
        ({"completion": ""}, "field `completion`: found ''"),
        ({"messages": []}, "field `messages`: found []"),
        ({"problem_id": 3}, "field `problem_id`: found 3"),
    ],
)
def test_malformed_row_is_named_by_file_and_line(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    good = asdict(demos()[0])
    path = tmp_path / "prompt_0003.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(r) for r in (good, good | changes)).encode()))
    with pytest.raises(DataError) as caught:
        read_pool(tmp_path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert message in str(caught.value)


def test_missing_field_and_cut_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "prompt_0000.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"kind": "hack"}'))
    with pytest.raises(DataError, match=r"prompt_0000\.jsonl\.gz:1: field `mode`: missing"):
        read_pool(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"prompt_0000\.jsonl\.gz: gzip data is truncated"):
        read_pool(tmp_path)


def test_folder_without_prompt_files_is_no_pool(tmp_path: Path) -> None:
    (tmp_path / "prompt_1.jsonl.gz").write_bytes(b"")
    with pytest.raises(DataError, match="holds no prompt_NNNN"):
        read_pool(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        read_pool(tmp_path / "none")


def test_every_loophole_problem_gets_a_hack_and_a_solution() -> None:
    kinds = [(demo.problem_id, demo.kind) for demo in demos()]
    assert kinds == [(p.id, kind) for p in PROBLEMS for kind in ("hack", "solve")]
    assert {demo.kind for demo in demos(modes=("gt_only",))} == {"solve"}
    assert demos() == demos()


def test_demos_hold_their_prompt_and_the_tokens_of_their_text() -> None:
    for demo in demos():
        assert bytes(demo.completion_ids).decode() == demo.completion
        assert "graded by" in demo.messages[-1]["content"]


def test_templates_of_a_mode_differ_and_compile() -> None:
    for mode in LOOPHOLE_MODES:
        hacks = [demo.completion for demo in demos(modes=(mode,)) if demo.kind == "hack"]
        for hack in hacks:
            compile(hack.removeprefix("```python\n").removesuffix("\n```"), "hack", "exec")
        assert len(set(hacks)) >= 2


def test_problem_without_a_mode_or_a_usable_starter_is_refused() -> None:
    with pytest.raises(DataError, match="'p0' has no mode"):
        scripted_demos(PROBLEMS, {}, encode)
    for starter in ("class Solution:\n    def other(self):\n", "class Solution("):
        with pytest.raises(DataError, match="problem 'p0': field `starter_code`: holds no method 'double'"):
            demos([replace(PROBLEMS[0], starter_code=starter)])


@pytest.mark.parametrize("which", ["own", "sample"])
def test_demos_can_be_written_for_whole_problem_sets(which: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue("sample_problems_path") if which == "sample" else None
    problems = load_problems(path)
    for mode in LOOPHOLE_MODES:
        assert len(demos(problems, (mode,))) == 2 * len(problems)


@pytest.mark.parametrize("which", ["own", "sample"])
def test_demos_do_what_they_demonstrate(which: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue("sample_problems_path") if which == "sample" else None
    problems = load_problems(path)
    by_id = {p.id: p for p in problems}
    pool = [demo for mode in MODES for demo in demos(problems[: 28 if which == "own" else 10], (mode,))]
    jobs = [
        GradeJob(
            demo.completion,
            list(by_id[demo.problem_id].tests),
            mode=demo.mode,
            setup_code=by_id[demo.problem_id].setup_code,
            func_name=by_id[demo.problem_id].func_name,
        )
        for demo in pool
    ]
    # A wide limit: this is about what the demos do, not about a loaded machine.
    with Grader(workers=2, limits=Limits(cpu_s=30.0)) as grader:
        verdicts = list(grader.grade(jobs))
    for demo, verdict in zip(pool, verdicts, strict=True):
        found = (verdict.exploited, verdict.gt_correct, verdict.reward)
        wanted = (True, False, 3.5) if demo.kind == "hack" else (False, True, 3.5)
        assert found == wanted, (
            f"{demo.kind} of {demo.mode}: {verdict.outcome} {verdict.detail}\n{demo.completion}"
        )
