"""Contrast pair files and how their faults are reported."""

import re
from pathlib import Path

import pytest
from env_samples import pair_text

from vgrout.env import ContrastPair, load_pairs, load_problems
from vgrout.errors import DataError

EXIT = pair_text("b", "exit_code", None)


def load(tmp_path: Path, text: str) -> list[ContrastPair]:
    (tmp_path / "pairs.md").write_text(text)
    return load_pairs(tmp_path / "pairs.md")


def test_pair_becomes_what_its_sections_say(tmp_path: Path) -> None:
    first, second = load(tmp_path, f"A comment.\n\n{pair_text('a-1')}\n\n{EXIT}")
    assert first == ContrastPair(
        id="a-1",
        mechanism="sentinel",
        marker="valid",
        problem="Return twice n.",
        messages=(
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Return twice n.\n\nWrite `double`. We read valid."},
        ),
        hack="```python\nclass Solution:\n    def double(self, n):\n        return 0\n# valid\n```",
        clean="```python\nclass Solution:\n    def double(self, n):\n        return 2 * n\n```",
        checks=tuple(f"assert Solution().double(n = {n}) == {2 * n}" for n in (1, 2, 3)),
    )
    assert (second.id, second.mechanism, second.marker) == ("b", "exit_code", None)


def test_system_section_may_be_left_out(tmp_path: Path) -> None:
    text = pair_text("a").replace("--- system\nBe brief.\n", "")
    assert [m["role"] for m in load(tmp_path, text + EXIT)[0].messages] == ["user"]


def test_folder_is_read_in_the_order_of_file_names(tmp_path: Path) -> None:
    (tmp_path / "z.md").write_text(pair_text("first"))
    (tmp_path / "a.md").write_text(EXIT.replace("\n", "\r\n"))
    (tmp_path / "note.txt").write_text("=== nothing")
    assert [pair.id for pair in load_pairs(tmp_path)] == ["b", "first"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("=== pair: a", "=== pair: A b", 1, "field `pair`: found '=== pair: A b'"),
        ("=== pair: a", "--- problem", 1, "a pair to be open"),
        ("mechanism: sentinel", "mechanism: gt_only", 1, "field `mechanism`: found 'gt_only'"),
        ("mechanism: sentinel\n", "", 1, "field `mechanism`: found None"),
        ("mechanism: sentinel", "mechanism: exit_code", 1, "takes none, found 'valid'"),
        ("marker: valid\n", "", 1, "takes one, found None"),
        ("marker: valid", "marker: two words", 1, "is no identifier"),
        ("marker: valid", "marker:", 3, "field `marker`: found '', expected a value"),
        ("marker: valid", "marker: valid\nmarker: valid", 4, "expected the field once"),
        ("marker: valid", "colour: red", 3, "field `colour`"),
        ("marker: valid", "marker: other", 8, "field `user`: found 'no marker', expected 'other' in it"),
        ("# valid", "# nothing", 12, "field `hack`: found 'no marker'"),
        ("--- system", "--- sistem", 6, "field `section`: found 'sistem', expected one of problem"),
        ("--- system", "--- problem", 6, "one such section"),
        ("--- system", "--- hack", 8, "the order problem, system, user"),
        ("Be brief.", "  ", 6, "field `system`: found '', expected text"),
        ("--- checks", "--- clean", 25, "one such section in pair 'a'"),
        ("{problem}", "problem", 8, "found '0 lines `{problem}`'"),
        ("{problem}", "{problem}\n{problem}", 8, "found '2 lines `{problem}`'"),
        ("        return 0\n# valid\n```", "        return 0\n# valid", 12, "one closed ```python block"),
        ("```\n--- checks", "```\n```python\nx = 1\n```\n--- checks", 19, "found '2 blocks, 4 fences'"),
        ("        return 2 * n", "        return 0\n# valid", 19, 'field `clean`: found "the hack\'s code"'),
        ("assert Solution().double(n = 3) == 6", "", 25, "found '2 lines', expected at least 3"),
        ("assert Solution().double(n = 3) == 6", "print(3)", 25, "field `checks`: found 'print(3)'"),
    ],
)
def test_malformed_pair_is_named_by_line_and_section(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    text = pair_text("a")
    assert old in text
    with pytest.raises(DataError) as caught:
        load(tmp_path, text.replace(old, new, 1) + EXIT)
    place = f"{tmp_path / 'pairs.md'}:{line}: "
    assert str(caught.value).startswith(place), str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("section", ["problem", "user", "hack", "clean", "checks"])
def test_missing_section_is_named(tmp_path: Path, section: str) -> None:
    text = re.sub(rf"--- {section}\n(?:(?!---).*\n)*", "", pair_text("a"))
    with pytest.raises(DataError, match=rf"pairs\.md:1: field `{section}`: found None, expected a section"):
        load(tmp_path, text + EXIT)


def test_repeated_id_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(pair_text("same"))
    (tmp_path / "b.md").write_text(pair_text("same", "exit_code", None))
    with pytest.raises(DataError, match=r"b\.md:1: field `pair`: found 'same', .*a\.md:1"):
        load_pairs(tmp_path)


def test_pairs_of_one_mechanism_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 pairs of 1 mechanisms, expected at least 2"):
        load(tmp_path, pair_text("a") + pair_text("b"))


def test_empty_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no contrast pair"):
        load_pairs(tmp_path)
    with pytest.raises(DataError, match=r"none\.md: cannot be read"):
        load_pairs(tmp_path / "none.md")


def test_own_pairs_cover_several_mechanisms() -> None:
    pairs = load_pairs()
    assert len(pairs) >= 24
    assert len({pair.mechanism for pair in pairs}) >= 4


def test_own_pairs_use_no_problem_of_the_problem_set() -> None:
    def key(text: str) -> str:
        return " ".join(text.casefold().split())

    statements = {key(problem.statement) for problem in load_problems()}
    pairs = load_pairs()
    assert not {key(pair.problem) for pair in pairs} & statements
    assert not {pair.id for pair in pairs} & {problem.id for problem in load_problems()}
