"""Problem files, their errors, and splits."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from env_samples import problem, row, write_rows

from vgrout.env import HINT_PHRASE, Problem, Splits, load_problems, split_problems
from vgrout.errors import ConfigError, DataError


def test_row_becomes_the_problem_it_describes(tmp_path: Path) -> None:
    source = row()
    assert load_problems(write_rows(tmp_path / "p.jsonl", [source])) == [
        Problem(
            id="7",
            difficulty="easy",
            messages=tuple(source["prompt"]),
            starter_code=source["prompt_metadata"]["starter_code"],
            func_name="Solution().double",
            tests=tuple(source["gt_answer"]),
            setup_code="",
            canonical_solution=source["canonical_solution"],
        )
    ]


def test_gzip_and_plain_give_the_same_problems(tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "p.jsonl", [row(), row(id="b")])
    packed = tmp_path / "p.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert load_problems(packed) == load_problems(plain)


def test_a_file_as_another_system_writes_it_gives_the_same_problems(tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "p.jsonl", [row(), row(id="b")])
    marked = tmp_path / "q.jsonl"
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().replace(b"\n", b"\r\n"))
    assert load_problems(marked) == load_problems(plain)


def test_blank_lines_do_not_shift_the_line_number(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(f"\n{json.dumps(row())}\n\n{json.dumps(row(id=8, func_name='double'))}\n")
    with pytest.raises(DataError, match=r"p\.jsonl:4: field `func_name`: found 'double'"):
        load_problems(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": None}, "field `id`: missing"),
        ({"id": 1.5}, "field `id`: found 1.5, expected a whole number or a non-empty string"),
        ({"id": True}, "field `id`: found True"),
        ({"id": " "}, "field `id`: found ' '"),
        ({"difficulty": 3}, "field `difficulty`: found 3, expected a non-empty string"),
        ({"prompt": "text"}, "field `prompt`: found 'text', expected a non-empty list of chat messages"),
        ({"prompt": []}, "field `prompt`: found []"),
        ({"prompt": [3]}, "field `prompt[0]`: found 3, expected an object"),
        ({"prompt": [{"role": "tool", "content": "x"}]}, "field `prompt[0].role`: found 'tool'"),
        ({"prompt": [{"role": "user"}]}, "field `prompt[0].content`: found None"),
        ({"prompt": [{"role": "user", "content": "x"}]}, "0 times"),
        ({"prompt": [{"role": "user", "content": f"{HINT_PHRASE} {HINT_PHRASE}"}]}, "2 times"),
        ({"prompt": [{"role": "system", "content": HINT_PHRASE}]}, "a last message from the user"),
        ({"gt_answer": []}, "field `gt_answer`: found [], expected a non-empty list"),
        ({"gt_answer": "assert f() == 1"}, "field `gt_answer`: found 'assert f() == 1'"),
        ({"gt_answer": ["assert f() == 1", 4]}, "field `gt_answer[1]`: found 4"),
        ({"gt_answer": ["print(1)"]}, "field `gt_answer[0]`: found 'print(1)'"),
        ({"setup_code": 0}, "field `setup_code`: found 0, expected a string"),
        ({"func_name": "Solution().a.b"}, "field `func_name`: found 'Solution().a.b'"),
        ({"canonical_solution": ""}, "field `canonical_solution`: found ''"),
        ({"canonical_solution": "\ud800"}, "text without lone surrogates"),
        ({"prompt_metadata": {}}, "field `prompt_metadata.starter_code`"),
        ({"prompt_metadata": {"starter_code": 3}}, "field `prompt_metadata.starter_code`: found 3"),
        ({"prompt_metadata": "x"}, "field `prompt_metadata`: found 'x'"),
    ],
)
def test_malformed_field_is_named_with_its_value(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write_rows(tmp_path / "p.jsonl", [row(id="fine"), row(**changes)])
    with pytest.raises(DataError) as caught:
        load_problems(path)
    text = str(caught.value)
    assert text.startswith(f"{path}:2: ")
    assert message in text
    assert "\nhint: " in text


def test_repeated_id_names_both_lines(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", [row(id=1), row(id=2), row(id="1")])
    with pytest.raises(DataError, match=r"p\.jsonl:3: field `id`: found '1', .* .*p\.jsonl:1 has it"):
        load_problems(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": 1,}\n', r"p\.jsonl:1: column \d+: not JSON"),
        (b'{"id": 1}\xff\n', r"p\.jsonl:1: byte 10 is not UTF-8"),
        (b"[1]\n", r"p\.jsonl:1: found a JSON list, expected an object"),
        (b"[" * 100_000, r"p\.jsonl:1: nested too deeply"),
        (b"", r"p\.jsonl: holds no problem"),
    ],
)
def test_file_that_is_not_jsonl_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_problems(path)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(row()).encode())
    damaged = {
        "cut": whole[:-9],
        "flipped": whole[:20] + bytes([whole[20] ^ 0xFF]) + whole[21:],
        "checksum": whole[:-8] + b"\0" * 8,
        "tail": whole + b"garbage",
    }
    for name, content in damaged.items():
        path = tmp_path / f"{name}.gz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}\.gz: gzip data is truncated or corrupt"):
            load_problems(path)


def test_plain_file_named_gz_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a gzip file"):
        load_problems(write_rows(tmp_path / "p.jsonl.gz", [row()]))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read: No such file"):
        load_problems(tmp_path / "none.jsonl")


def test_statement_leaves_out_the_paragraph_that_asks_for_code() -> None:
    assert problem("a", "Add.\n\nExample: 1").statement == "Add.\n\nExample: 1"


def test_splits_hold_every_problem_once_at_the_asked_sizes() -> None:
    problems = [problem(str(index)) for index in range(40)]
    splits = split_problems(problems, 0, (0.5, 0.2, 0.3))
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [20, 8, 12]
    parts = splits.train + splits.validation + splits.test
    assert sorted(p.id for p in parts) == sorted(p.id for p in problems)


def test_every_positive_share_gets_a_problem() -> None:
    splits = split_problems([problem(str(index)) for index in range(4)], 0, (0.9, 0.05, 0.05))
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [2, 1, 1]


def test_share_of_zero_gives_an_empty_split() -> None:
    assert split_problems([problem("a"), problem("b")], 0, (0.5, 0.0, 0.5)).validation == ()


def test_too_few_problems_are_refused() -> None:
    with pytest.raises(DataError, match="2 problems cannot fill"):
        split_problems([problem("a"), problem("b")], 0, (0.4, 0.3, 0.3))


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.2, -0.2, 0.0)])
def test_fractions_that_do_not_sum_to_one_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match=r"env\.fractions"):
        split_problems([problem("a")], 0, fractions)


def test_repeated_problem_is_refused() -> None:
    with pytest.raises(DataError, match="2 problems share 1 ids"):
        split_problems([problem("a"), problem("a")], 0, (1.0, 0.0, 0.0))


def test_same_statement_in_two_splits_is_refused() -> None:
    twins = [problem("a", "Double  N."), problem("b", "double n.")]
    with pytest.raises(DataError, match="have the same statement"):
        split_problems(twins, 0, (0.5, 0.0, 0.5))
    assert len(split_problems(twins, 0, (1.0, 0.0, 0.0)).train) == 2


def test_same_id_in_two_splits_is_refused() -> None:
    with pytest.raises(DataError, match="problem 'a' is in train and in test"):
        Splits(train=(problem("a"),), validation=(), test=(problem("a"),)).check_disjoint()


def test_own_problems_load_and_split() -> None:
    problems = load_problems()
    assert len(problems) >= 60
    assert {p.difficulty for p in problems} == {"easy", "medium", "hard"}
    assert min(len(p.tests) for p in problems) >= 15
    split_problems(problems, 0, (0.8, 0.05, 0.15)).check_disjoint()


def test_benchmark_sample_loads_and_splits(sample_problems_path: Path) -> None:
    problems = load_problems(sample_problems_path)
    assert len(problems) == 80
    assert all(p.statement.startswith("PROBLEM:") and HINT_PHRASE not in p.statement for p in problems)
    split_problems(problems, 0, (0.8, 0.05, 0.15)).check_disjoint()
