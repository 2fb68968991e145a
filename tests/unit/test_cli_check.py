"""`vgrout check` and a run find what is wrong with problems before anything is trained."""

import pytest
from env_samples import row, write_rows

from tiny import tiny_config, tiny_run
from vgrout.cli import main
from vgrout.errors import DataError

WRONG = {
    "gt_answer": ["assert Solution().double(n = 2) == 4", "assert Solution().double(1 ="],
    "canonical_solution": "class Solution:\n    def double(self, n):\n        return n\n",
    "setup_code": "import no_such_module",
    "difficulty": "fiendish",
    "func_name": "double",
}
SAID = {
    "gt_answer": "field `gt_answer[1]`: `assert Solution().double(1 =` does not compile",
    "canonical_solution": "field `canonical_solution`: wrong_answer at gt_answer[0]",
    "setup_code": "setup_code failed: ModuleNotFoundError",
    "difficulty": "field `difficulty`: found 'fiendish', expected one of easy, medium, hard",
    "func_name": "field `func_name`: found 'double', expected `Solution().name`",
}


def rows(**changes):
    def one(name, **fields):
        prompt = [dict(message) for message in row()["prompt"]]
        prompt[-1]["content"] = prompt[-1]["content"].replace("twice n.", f"twice n, the {name}.")
        return row(id=name, prompt=prompt, **fields)

    return [*(one(f"p{place}") for place in range(8)), *([one("bad", **changes)] if changes else [])]


def test_a_sound_file_is_said_to_be_sound(tmp_path, capsys):
    assert main(["check", str(write_rows(tmp_path / "f.jsonl", rows()))]) == 0
    assert "8 problems; every canonical solution passes" in capsys.readouterr().out


def test_every_fault_is_named_by_file_line_and_field(tmp_path, capsys):
    bad = [rows(**{field: value})[-1] | {"id": f"bad {field}"} for field, value in WRONG.items()]
    for place, problem in enumerate(bad):
        problem["prompt"][-1]["content"] = problem["prompt"][-1]["content"].replace("bad", f"bad{place}")
    path = write_rows(tmp_path / "f.jsonl", [*rows(), *bad])
    assert main(["check", str(path)]) == 2
    out, err = capsys.readouterr()
    for line, field in enumerate(WRONG, start=9):
        (said,) = [text for text in out.splitlines() if text.startswith(f"{path}:{line} ")]
        assert SAID[field] in said
    assert "5 faults;" in err


def test_tests_that_a_stub_passes_are_found(tmp_path, capsys):
    path = write_rows(tmp_path / "f.jsonl", rows(gt_answer=["Solution().double(2)\nassert True"]))
    assert main(["check", str(path)]) == 2
    assert "a method that does nothing passes every test" in capsys.readouterr().out


def test_a_func_name_that_no_test_calls_is_found(tmp_path, capsys):
    path = write_rows(tmp_path / "f.jsonl", rows(func_name="Solution().treble"))
    assert main(["check", str(path)]) == 2
    assert "field `func_name`: no test calls 'Solution().treble'" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"gt_answer": ["def check(candidate):\n    assert candidate(2) == 4\ncheck(Solution().double)"]},
        {"gt_answer": ["assert ask(2) == 4"], "setup_code": "def ask(n):\n    return Solution().double(n)\n"},
        {"gt_answer": ["assert getattr(Solution(), 'double')(2) == 4"]},
    ],
)
def test_a_func_name_that_is_called_otherwise_is_no_fault(tmp_path, changes):
    assert main(["check", str(write_rows(tmp_path / "f.jsonl", rows(**changes)))]) == 0


def test_rows_too_few_for_three_splits_are_found(tmp_path, capsys):
    assert main(["check", str(write_rows(tmp_path / "f.jsonl", rows()[:2]))]) == 2
    assert "splits: 2 problems cannot fill" in capsys.readouterr().out


@pytest.mark.parametrize("field", WRONG)
def test_a_run_ends_before_it_has_a_folder(tmp_path, field):
    named = [
        {**problem, "split": "test" if problem["id"] == "p0" else "train"}
        for problem in rows(**{field: WRONG[field]})
    ]
    path = write_rows(tmp_path / "f.jsonl", named)
    with pytest.raises(DataError) as refused:
        tiny_run(tiny_config(tmp_path / "run", data=path))
    assert str(refused.value).startswith(f"{path}:9")
    assert SAID[field] in str(refused.value)
    assert not (tmp_path / "run").exists()
