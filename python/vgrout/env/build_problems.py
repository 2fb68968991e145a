"""Build `data/problems.jsonl` from the authored sources: `python -m vgrout.env.build_problems [--check]`.

Each problem's canonical solution is run on the authored and on seeded random calls; the results become
equality tests. The file has the benchmark's key layout and depends on nothing but the sources and `SEED`.
"""

import argparse
import ast
import copy
import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, ProblemSource
from vgrout.errors import DataError
from vgrout.files import replacing

SEED = 7
TESTS_PER_PROBLEM = 24
LARGEST_SHARE = 0.5
"""No single expected value may make up more of a problem's tests, so that a constant never passes."""
DRAW_LIMIT = 4000
OUTPUT = Path(__file__).parent / "data" / "problems.jsonl"
MODULES = (
    "easy_numbers",
    "easy_texts",
    "easy_lists",
    "medium_lists",
    "medium_texts",
    "medium_grids",
    "medium_schedules",
    "hard_dynamic",
    "hard_graphs",
    "hard_sequences",
    "hard_searches",
)

PRELUDE = """
import collections, datetime, functools, math, random, re, string
from typing import *
from functools import *
from collections import *
from itertools import *
from heapq import *
from bisect import *
from string import *
from operator import *
from math import *
inf = float("inf")
"""
"""The names of the grader's default prelude that canonical solutions use."""

SYSTEM = (
    "You solve programming tasks in Python 3. Reply with the whole class in one ```python code block; "
    "a short remark before it is fine."
)
REQUEST = (
    "Write the class `Solution` with the method `{name}`. It should return what the task describes "
    "and should pass all tests. Begin with this starter code:"
)
CLOSING = "Answer with the finished class in one ```python code block."


def load_sources() -> list[ProblemSource]:
    """All authored problems, in file order; raises `DataError` on a repeated id."""
    sources: list[ProblemSource] = []
    for module in MODULES:
        catalogue = importlib.import_module(f"vgrout.env.data.source.{module}").catalogue
        if not isinstance(catalogue, Catalogue):
            raise DataError(f"{module}: `catalogue` is a {type(catalogue).__name__}, expected a Catalogue")
        sources.extend(catalogue.problems)
    repeated = [slug for slug, count in Counter(source.id for source in sources).items() if count > 1]
    if repeated:
        raise DataError(f"problem ids are used more than once: {repeated}")
    return sources


def literal(value: object) -> str:
    """Python source of a value; like `repr`, but a set's elements come in sorted order."""
    if isinstance(value, set):
        if not value:
            raise DataError("an empty set has no literal; choose inputs whose expected set has elements")
        return "{" + ", ".join(sorted(literal(item) for item in value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    return repr(value)


class Callee:
    """The canonical method of one problem, ready to be called, with its signature."""

    def __init__(self, source: ProblemSource) -> None:
        definition = ast.parse(source.canonical).body[0]
        if not isinstance(definition, ast.ClassDef) or definition.name != "Solution":
            raise DataError(f"{source.id}: the canonical solution does not begin with `class Solution`")
        method = next(node for node in definition.body if isinstance(node, ast.FunctionDef))
        self.name = method.name
        self.parameters = tuple(argument.arg for argument in method.args.args[1:])
        header = source.canonical.splitlines()[method.lineno - 1]
        if not header.endswith(":"):
            raise DataError(f"{source.id}: the method's header must be one line, not `{header.strip()}`")
        self.starter = f"class Solution:\n{header}\n        "
        namespace: dict[str, object] = {}
        exec(PRELUDE + source.canonical, namespace)  # noqa: S102  # our own source, at build time only
        self._solution: Callable[[], object] = namespace["Solution"]  # type: ignore[assignment]

    def __call__(self, arguments: Arguments) -> object:
        """Call a fresh solution on a copy of the arguments."""
        result: object = getattr(self._solution(), self.name)(*copy.deepcopy(arguments))
        return result

    def render(self, arguments: Arguments) -> str:
        """Render the keyword arguments as source."""
        pairs = zip(self.parameters, arguments, strict=True)
        return ", ".join(f"{name} = {literal(value)}" for name, value in pairs)


def draw_tests(source: ProblemSource, callee: Callee) -> list[str]:
    """Give `TESTS_PER_PROBLEM` distinct tests: the edges, then random calls.

    A random call is passed over when its arguments came before or when its expected value already
    fills `LARGEST_SHARE` of the tests.
    """
    rng = Random(f"{SEED}/{source.id}")  # noqa: S311
    allowed = int(TESTS_PER_PROBLEM * LARGEST_SHARE)
    expected_counts: Counter[str] = Counter()
    tests: dict[str, str] = {}
    for attempt in range(DRAW_LIMIT):
        is_edge = attempt < len(source.edges)
        arguments = source.edges[attempt] if is_edge else source.draw(rng)
        rendered = callee.render(arguments)
        if rendered in tests:
            if is_edge:
                raise DataError(f"{source.id}: the edge call ({rendered}) is listed twice")
            continue
        expected = literal(callee(arguments))
        if expected_counts[expected] >= allowed:
            continue
        expected_counts[expected] += 1
        tests[rendered] = f"assert Solution().{callee.name}({rendered}) == {expected}"
        if len(tests) == TESTS_PER_PROBLEM:
            return list(tests.values())
    raise DataError(
        f"{source.id}: {DRAW_LIMIT} draws gave {len(tests)} tests, expected {TESTS_PER_PROBLEM}; "
        "widen the generator or balance its expected values"
    )


def render_question(source: ProblemSource, callee: Callee) -> str:
    """Write the user message: statement, worked examples, request, starter code."""
    parts = [source.statement]
    for number, arguments in enumerate(source.edges[: source.shown], start=1):
        result = literal(callee(arguments))
        parts.append(f"Example {number}:\n  Input: {callee.render(arguments)}\n  Output: {result}")
    parts.append(REQUEST.format(name=callee.name))
    parts.append(f"```python\n{callee.starter.rstrip()}\n        # your code here\n```")
    parts.append(CLOSING)
    return "\n\n".join(parts)


def build_row(source: ProblemSource) -> dict[str, object]:
    """Build one problem in the benchmark's key layout."""
    callee = Callee(source)
    question = render_question(source, callee)
    return {
        "id": source.id,
        "difficulty": source.difficulty,
        "prompt": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}],
        "question": question,
        "gt_answer": draw_tests(source, callee),
        "setup_code": "",
        "func_name": f"Solution().{callee.name}",
        "canonical_solution": source.canonical,
        "prompt_metadata": {"starter_code": callee.starter},
    }


def build() -> str:
    """Build the whole file's text: one JSON object a line."""
    return "".join(json.dumps(build_row(source)) + "\n" for source in load_sources())


def main() -> int:
    """Write the file, or with `--check` say whether the committed one is current (exit status 1 if not)."""
    parser = argparse.ArgumentParser(description="Build the package's problem set from its sources.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    arguments = parser.parse_args()
    built = build()
    if arguments.check:
        return 0 if OUTPUT.is_file() and OUTPUT.read_text(encoding="utf-8") == built else 1
    with replacing(OUTPUT) as file:
        file.write(built.encode())
    sys.stderr.write(f"wrote {len(built.splitlines())} problems to {OUTPUT}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
