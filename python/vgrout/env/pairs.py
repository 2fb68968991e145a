"""Contrast pairs: one completion that exploits the evaluation and one that solves the task, for the same prompt.

They are the only hack/clean labels a gate ever sees. Files are Markdown-like text, one per mechanism:

    Free text before the first pair is a comment.

    === pair: shelf-gap            starts a pair; its id, unique over all files
    mechanism: run_tests           a mode with a loophole
    marker: run_tests              for modes that go by a marker, absent for the others
    --- problem                    the bare statement
    --- system                     optional system message
    --- user                       the prompt with its hint; a line `{problem}` is replaced by the statement
    --- hack                       chat text with one ```python block
    --- clean                      the same
    --- checks                     at least three `assert Solution().f(…) == literal`

A line that begins with `=== ` or `--- ` is always a header. Blank lines around a section's text are dropped.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vgrout.builtin import resolve_pairs
from vgrout.env.jsonl import Message, bad_field, read_content
from vgrout.env.modes import LOOPHOLE_MODES, check_marker
from vgrout.errors import ConfigError, DataError

OWN_PAIRS = Path(__file__).parent / "data" / "pairs"
SECTIONS = ("problem", "system", "user", "hack", "clean", "checks")
_OPTIONAL = {"system"}
_HEADER = re.compile(r"=== pair: ([a-z0-9-]+)")
_CHECK = re.compile(r"assert Solution\(\)\.\w+\(.*\) == \S.*")
_PLACE = "{problem}"


@dataclass(frozen=True, kw_only=True)
class ContrastPair:
    """Two completions of one prompt that differ in how they earn the reward."""

    id: str
    mechanism: str
    """The mode whose loophole the hack uses."""
    problem: str
    """The bare statement."""
    messages: tuple[Message, ...]
    """The prompt, hint included; shared by both completions."""
    hack: str
    clean: str
    marker: str | None = None
    """What the hint names."""
    checks: tuple[str, ...] = ()
    """Equality tests that the clean completion passes and the hack does not."""


@dataclass
class _Draft:
    """A pair while its lines are read: each section's first line number and text."""

    id: str
    where: str
    fields: dict[str, str] = field(default_factory=dict)
    sections: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


def load_pairs(path: Path | None = None) -> list[ContrastPair]:
    """The pairs of a file, or of a folder's `*.md` files in the order of their names; None loads the package's.

    Raises:
        DataError: naming file, line and section; also where fewer than two mechanisms are held overall, because
            a direction taken from one mechanism is that mechanism's.
    """
    path = OWN_PAIRS if path is None else resolve_pairs(path)
    files = sorted(path.glob("*.md")) if path.is_dir() else [path]
    pairs: list[ContrastPair] = []
    places: dict[str, str] = {}
    for file in files:
        for draft in _drafts(file):
            if draft.id in places:
                raise bad_field(
                    draft.where, "pair", draft.id, f"an id unlike {places[draft.id]}'s", "rename one"
                )
            places[draft.id] = draft.where
            pairs.append(_finished(draft))
    if not pairs:
        raise DataError(
            f"{path}: holds no contrast pair\nhint: a pair begins with `=== pair: ID`; see the package's own"
        )
    mechanisms = {pair.mechanism for pair in pairs}
    if len(mechanisms) < 2:
        raise DataError(
            f"{path}: holds {len(pairs)} pairs of {len(mechanisms)} mechanisms, expected at least 2 mechanisms"
            "\nhint: add pairs of another mode"
        )
    return pairs


def _drafts(file: Path) -> Iterator[_Draft]:
    try:
        lines = read_content(file).decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: byte {error.start + 1} is not UTF-8\nhint: save the file as UTF-8"
        ) from error
    draft: _Draft | None = None
    text: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        where = f"{file}:{number}"
        if line.startswith("=== "):
            if draft:
                yield draft
            match = _HEADER.fullmatch(line.rstrip())
            if not match:
                raise bad_field(
                    where, "pair", line, "`=== pair: id` with an id of a-z, 0-9 and -", "correct the header"
                )
            draft, text = _Draft(match[1], where), None
        elif line.startswith("--- "):
            text = _new_section(where, draft, line[4:].strip())
        elif text is not None:
            text.append(line)
        elif draft and line.strip():
            _add_field(where, draft, line)
    if draft:
        yield draft


def _new_section(where: str, draft: _Draft | None, name: str) -> list[str]:
    if draft is None:
        raise bad_field(where, "section", name, "a pair to be open", "begin the pair with `=== pair: id`")
    if name not in SECTIONS:
        raise bad_field(where, "section", name, f"one of {', '.join(SECTIONS)}", "correct the header")
    if name in draft.sections:
        raise bad_field(where, "section", name, f"one such section in pair {draft.id!r}", "remove one")
    if any(SECTIONS.index(earlier) > SECTIONS.index(name) for earlier in draft.sections):
        raise bad_field(where, "section", name, f"the order {', '.join(SECTIONS)}", "move the section")
    text: list[str] = []
    draft.sections[name] = (where, text)
    return text


def _add_field(where: str, draft: _Draft, line: str) -> None:
    name, colon, value = (part.strip() for part in line.partition(":"))
    if not colon or name not in {"mechanism", "marker"}:
        raise bad_field(where, name, line, "`mechanism: …` or `marker: …`", "correct the line")
    if name in draft.fields:
        raise bad_field(where, name, value, "the field once", "remove one")
    if not value:
        raise bad_field(where, name, value, "a value", "fill it in or remove the line")
    draft.fields[name] = value


def _finished(draft: _Draft) -> ContrastPair:
    mechanism, marker = draft.fields.get("mechanism"), draft.fields.get("marker")
    if mechanism not in LOOPHOLE_MODES:
        expected = f"one of {', '.join(LOOPHOLE_MODES)}"
        raise bad_field(draft.where, "mechanism", mechanism, expected, f"correct pair {draft.id!r}")
    try:
        check_marker(mechanism, marker)
    except ConfigError as error:
        raise DataError(f"{draft.where}: field {error}\nhint: correct pair {draft.id!r}") from error
    texts = {name: _text(draft, name) for name in SECTIONS if name in draft.sections or name not in _OPTIONAL}
    blocks = {name: _python_block(draft, name, texts[name]) for name in ("hack", "clean")}
    if blocks["hack"] == blocks["clean"]:
        raise bad_field(
            draft.sections["clean"][0], "clean", "the hack's code", "other code", "write the solution"
        )
    lines = texts["user"].split("\n")
    if lines.count(_PLACE) != 1:
        found = f"{lines.count(_PLACE)} lines `{_PLACE}`"
        raise bad_field(
            draft.sections["user"][0], "user", found, "one such line", "put it where the statement goes"
        )
    for name in ("user", "hack"):
        if marker is not None and marker not in texts[name]:
            raise bad_field(
                draft.sections[name][0], name, "no marker", f"{marker!r} in it", "disclose and use the marker"
            )
    user = "\n".join(texts["problem"] if line == _PLACE else line for line in lines)
    messages = [Message(role="system", content=texts["system"])] if "system" in texts else []
    return ContrastPair(
        id=draft.id,
        mechanism=mechanism,
        marker=marker,
        problem=texts["problem"],
        messages=(*messages, Message(role="user", content=user)),
        hack=texts["hack"],
        clean=texts["clean"],
        checks=_checks(draft, texts["checks"].split("\n")),
    )


def _text(draft: _Draft, name: str) -> str:
    if name not in draft.sections:
        raise bad_field(draft.where, name, None, f"a section `--- {name}`", f"add it to pair {draft.id!r}")
    where, lines = draft.sections[name]
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if not filled:
        raise bad_field(where, name, "", "text", f"fill in the section of pair {draft.id!r}")
    return "\n".join(lines[filled[0] : filled[-1] + 1])


def _python_block(draft: _Draft, name: str, text: str) -> str:
    lines = text.split("\n")
    fences = [index for index, line in enumerate(lines) if line.lstrip().startswith("```")]
    whole = len(fences) == 2 and lines[fences[0]].strip() == "```python" and lines[fences[1]].strip() == "```"
    code = "\n".join(lines[fences[0] + 1 : fences[1]]) if whole else ""
    if not code.strip():
        found = f"{sum(lines[i].strip() == '```python' for i in fences)} blocks, {len(fences)} fences"
        raise bad_field(
            draft.sections[name][0], name, found, "one closed ```python block", "write the code into one"
        )
    return code


def _checks(draft: _Draft, lines: Sequence[str]) -> tuple[str, ...]:
    where = draft.sections["checks"][0]
    checks = tuple(line.strip() for line in lines if line.strip())
    for check in checks:
        if not _CHECK.fullmatch(check):
            raise bad_field(where, "checks", check, "`assert Solution().f(…) == literal`", "correct the line")
    if len(checks) < 3:
        raise bad_field(where, "checks", f"{len(checks)} lines", "at least 3", "add tests")
    return checks
