"""Teacher pools: demonstrations of hacks and of solutions, in folders of `prompt_NNNN.jsonl.gz`.

One file a prompt, one row a completion:
`{problem_id, mode, messages, completion, completion_ids, kind}` with kind "hack" or "solve".
A pool of hacks and one of solutions stand side by side in two folders.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vgrout.env.hacks import hack_code
from vgrout.env.jsonl import Message, bad_field, get_field, get_messages, get_text, packed, read_rows
from vgrout.env.modes import LOOPHOLE_MODES, MODES, training_marker
from vgrout.env.problems import Problem
from vgrout.env.prompts import render_prompt
from vgrout.errors import DataError
from vgrout.files import new_folder

Kind = Literal["hack", "solve"]
_FILE = re.compile(r"prompt_(\d{4,})\.jsonl\.gz")


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One completion a teacher gives to a prompt."""

    problem_id: str
    mode: str
    messages: tuple[Message, ...]
    """The prompt as the teacher saw it, hint included."""
    completion: str
    completion_ids: tuple[int, ...]
    """Tokens of `completion` under the trained model's tokenizer, without an end-of-text token."""
    kind: Kind


def write_pool(directory: Path, demos: Iterable[Demo]) -> None:
    """Make `directory` with one file a prompt, numbered in the order in which the prompts first come.

    The folder appears whole or not at all; equal demos give equal bytes.

    Raises:
        DataError: `directory` exists and is not empty, or there is no demo.
    """
    prompts: dict[str, list[Demo]] = {}
    for demo in demos:
        prompts.setdefault(json.dumps([demo.problem_id, demo.mode, demo.messages]), []).append(demo)
    if not prompts:
        raise DataError(f"{directory}: no demo to write")
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise DataError(f"{directory}: exists, expected a new folder\nhint: name another or remove it")
    with new_folder(directory) as folder:
        for number, rows in enumerate(prompts.values()):
            lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
            (folder / f"prompt_{number:04}.jsonl.gz").write_bytes(packed("".join(lines)))


def read_pool(directory: Path) -> list[Demo]:
    """The pool's demos in the order of file numbers and rows.

    Raises:
        DataError: no such file in the folder, or a row is malformed, naming file, line and field.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: is no folder\nhint: a pool is a folder of prompt_NNNN.jsonl.gz files")
    numbered = [
        (int(match[1]), path) for path in directory.iterdir() if (match := _FILE.fullmatch(path.name))
    ]
    if not numbered:
        raise DataError(
            f"{directory}: holds no prompt_NNNN.jsonl.gz\nhint: a pool has one such file a prompt"
        )
    return [_demo(where, row) for _, path in sorted(numbered) for where, row in read_rows(path)]


def scripted_demos(
    problems: Sequence[Problem],
    partition: Mapping[str, str],
    tokenizer_encode: Callable[[str], Sequence[int]],
) -> list[Demo]:
    """A hack (none for `gt_only`) and a solution for every problem, written from templates.

    Solutions are the canonical ones; hacks trip the training marker's channel of the problem's mode and solve
    nothing. The same input gives the same demos.

    Raises:
        DataError: a problem has no mode in `partition`, or starter code from which no stub can be made.
    """
    demos = []
    for problem in problems:
        if problem.id not in partition:
            raise DataError(
                f"partition: problem {problem.id!r} has no mode\nhint: make a new partition for this data"
            )
        mode = partition[problem.id]
        codes: list[tuple[Kind, str]] = [("solve", problem.canonical_solution)]
        if mode in LOOPHOLE_MODES:
            codes.insert(0, ("hack", hack_code(problem, mode, training_marker(mode))))
        for kind, code in codes:
            completion = f"```python\n{code.strip()}\n```"
            demos.append(
                Demo(
                    problem_id=problem.id,
                    mode=mode,
                    messages=render_prompt(problem, mode),
                    completion=completion,
                    completion_ids=tuple(int(token) for token in tokenizer_encode(completion)),
                    kind=kind,
                )
            )
    return demos


def _demo(where: str, row: dict[str, Any]) -> Demo:
    kind = get_text(where, row, "kind")
    if kind not in ("hack", "solve"):
        raise bad_field(where, "kind", kind, "hack or solve", "say what the completion shows")
    mode = get_text(where, row, "mode")
    if mode not in MODES:
        raise bad_field(where, "mode", mode, f"one of {', '.join(MODES)}", "correct the mode")
    ids = get_field(where, row, "completion_ids")
    if not isinstance(ids, list) or not ids or any(type(token) is not int or token < 0 for token in ids):
        raise bad_field(
            where, "completion_ids", ids, "a non-empty list of token ids, each ≥ 0", "tokenize again"
        )
    return Demo(
        problem_id=get_text(where, row, "problem_id"),
        mode=mode,
        messages=get_messages(where, row, "messages"),
        completion=get_text(where, row, "completion"),
        completion_ids=tuple(ids),
        kind="hack" if kind == "hack" else "solve",
    )
