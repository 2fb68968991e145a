"""What the README and the guides print runs as printed, and every command and flag they name exists."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vgrout import GradeJob, Grader, cli, presets

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs" / "guides").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:uv run )?(?:vgrout|vgrout-train|just) [^`]+)`")
OUTPUT = re.compile(r"^print\(.*\)  # (.*)$", re.MULTILINE)
# Tests that the guide shows, not programs: graded below. Answers of the traces: made, and graded, by their script.
NO_PROGRAMS = ("problems.md", "traces.md")


def blocks(page: Path, *languages: str) -> list[str]:
    return [
        text for language, text in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages
    ]


class Recorded:
    """Stands for a trainer's class: keeps what it was made of."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def __class_getitem__(cls, item: object) -> type:
        return cls


def stub_trainers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainers are not installed here; what the guides take from them is."""
    parts: dict[str, dict[str, Any]] = {
        "datasets": {"Dataset": type("Dataset", (), {"from_list": staticmethod(list)})},
        "trl": {"GRPOTrainer": Recorded},
        "verifiers": {"Rubric": Recorded},
        "verifiers.v1": {"Task": Recorded, "TaskData": Recorded, "reward": lambda function: function},
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["verifiers"].v1 = sys.modules["verifiers.v1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in NO_PROGRAMS and blocks(page, "python")],
    ids=lambda page: page.name,
)
def test_programs_run_as_printed(page: Path, monkeypatch, tmp_path: Path, capsys) -> None:
    """One after another, as they are read; a preset is cut down, for its length alone."""
    stub_trainers(monkeypatch)
    short = replace(presets.ORGANISM, steps=1, eval=replace(presets.ORGANISM.eval, problems=2, samples=1))
    monkeypatch.setattr(presets, "ORGANISM", short)
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "snippet"}
    for text in blocks(page, "python"):
        # A file of its own starts with its name and knows nothing of the page.
        exec(compile(text, str(page), "exec"), {} if text.startswith("# reward.py") else known)
        printed = capsys.readouterr().out.splitlines()
        assert OUTPUT.findall(text) == [line for line in printed if line in OUTPUT.findall(text)]


ANSWER = """
class Solution:
    def add(self, a, b):
        return a + b
    def subsets(self, values):
        return [[], [1], [2], [1, 2]]
    def root(self, x):
        return x ** 0.5
    def invert(self, tree):
        tree.left, tree.right = tree.right, tree.left
        return tree
    def arrange(self, values):
        values.sort()

class MinStack:
    def __init__(self):
        self.values = []
    def push(self, value):
        self.values.append(value)
    def pop(self):
        return self.values.pop()
"""


def test_the_guides_tests_are_tests() -> None:
    """Each by itself; an answer that is wrong in one place fails one of them."""
    [text] = blocks(ROOT / "docs" / "guides" / "problems.md", "python")
    listed = text.split("\n\n")
    wrong = [ANSWER.replace("values.sort()", "pass"), ANSWER.replace("self.values.pop()", "0")]
    with Grader(workers=1) as grader:
        jobs = [GradeJob(code, listed, extract="raw") for code in (ANSWER, *wrong)]
        passed = [verdict.test_bitmap for verdict in grader.grade(jobs)]
    assert len(listed) == 6
    assert passed == [[True] * 6, [True] * 4 + [False, True], [True] * 5 + [False]]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Where a command stands, and its words; of shell blocks and of code within text."""
    for page in PAGES:
        lines = [line for text in blocks(page, "bash", "") for line in text.replace("\\\n", " ").splitlines()]
        inline = INLINE.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
        for line in [*lines, *inline]:
            words = shlex.split(line.replace("\n", " "), comments=True)
            words = words[2:] if words[:2] == ["uv", "run"] else words
            if words and words[0] in ("vgrout", "vgrout-train", "just"):
                yield f"{page.name}: {line}", words


@cache
def help_of(*words: str) -> str:
    """What `vgrout WORDS --help` prints."""
    text = StringIO()
    with redirect_stdout(text), suppress(SystemExit):
        cli.main([*words, "--help"])
    return text.getvalue()


def unknown_words(words: list[str]) -> list[str]:
    """Commands, presets, recipes and flags of the call that do not exist; capitals and `…` stand for anything."""
    program, *rest = words
    if program == "just":
        recipes = re.findall(r"^([a-z][\w-]*)", (ROOT / "justfile").read_text(), re.MULTILINE)
        return [word for word in rest[:1] if word not in recipes]
    if program == "vgrout-train":
        rest = ["train", *rest]
    if not rest or rest[0] == "--version" or not rest[0].islower():
        return []
    if rest[0] not in cli.COMMANDS:
        return rest[:1]
    own, _, passed_on = " ".join(rest).partition(" -- ")
    preset = rest[1] if rest[1:2] and rest[1] in presets.PRESETS else "smoke"
    asked = {"train": ("train", preset), "organism": ("organism", "build")}.get(rest[0], (rest[0],))
    texts = {own: help_of(*asked), passed_on: help_of("train", "smoke")}
    flags = [
        (flag, text)
        for call, text in texts.items()
        for flag in re.findall(r"(?<!\S)--?[A-Za-z][\w.-]*", call)
    ]
    unknown = [
        flag for flag, text in flags if not re.search(rf"(?<![\w.-]){re.escape(flag)}(?![\w.-])", text)
    ]
    named = rest[1:2] if rest[0] == "train" and rest[1:2] and rest[1][0].islower() else []
    return unknown + [name for name in named if name not in presets.PRESETS]


def test_unknown_words_are_found() -> None:
    assert unknown_words(["vgrout", "grow"]) == ["grow"]
    assert unknown_words(["vgrout-train", "smoke", "--stepz", "3", "--eval.samples", "1"]) == ["--stepz"]
    assert unknown_words(
        ["vgrout", "sweep", "decision", "--jobs", "1", "--", "--steps", "2", "--nothing"]
    ) == ["--nothing"]
    assert unknown_words(["just", "tests"]) == ["tests"]
    assert unknown_words(["vgrout", "COMMAND", "--x"]) == []


def test_every_command_and_flag_exists(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    found = list(commands())
    assert len(found) > 40
    assert {where: unknown for where, words in found if (unknown := unknown_words(words))} == {}
