"""Tests at which no answer could fail, told from their text alone."""

import ast
from collections.abc import Sequence
from functools import lru_cache

from vgrout.errors import DataError

_HARMLESS = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AnnAssign, ast.Pass, ast.Load, ast.Store, ast.Name, ast.Constant),
    *(ast.List, ast.Tuple, ast.Dict, ast.keyword, ast.BoolOp, ast.And, ast.Or, ast.Compare),
    *(ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.UnaryOp, ast.Not, ast.USub, ast.Call, ast.Attribute),
)
"""What raises nothing where a method has returned None, calls and attributes of the answer alone."""


def refuse_toothless(tests: Sequence[str], *, func_name: str = "", entry_point: str = "") -> None:
    """Some test can fail: not each of them only calls the answer, by `Solution().name(…)` or its name, and looks on.

    An `assert`, a `raise`, a call of anything else, an operator or an index is taken for what can: a helper may raise.

    Raises:
        DataError: a method that does nothing would pass them all.
    """
    graded = ("Solution", func_name, entry_point, "candidate" if entry_point else "")
    if tests and all(_only_calls(test, graded) for test in tests):
        raise DataError(
            "tests: a method that does nothing passes every test: none of them asserts anything"
            "\nhint: write `assert <call> == <value>`"
        )


@lru_cache(maxsize=4096)
def _only_calls(test: str, graded: tuple[str, ...]) -> bool:
    if "assert" in test or "raise" in test:  # most of them, and at once
        return False
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # the grader says what is wrong with it
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    answers = [node for node in calls if _is_of_answer(node.func, graded)]
    methods = sum(isinstance(node, ast.Attribute) for node in nodes)
    return (
        bool(calls)
        and len(calls) == len(answers)
        and methods == sum(isinstance(node.func, ast.Attribute) for node in calls)
        and all(isinstance(node, _HARMLESS) for node in nodes)
        and all(
            isinstance(node.op, ast.Not) or isinstance(node.operand, ast.Constant)
            for node in nodes
            if isinstance(node, ast.UnaryOp)
        )
        and all(
            isinstance(target, ast.Name)
            for node in nodes
            if isinstance(node, ast.Assign)
            for target in node.targets
        )
    )


def _is_of_answer(function: ast.expr, graded: tuple[str, ...]) -> bool:
    """It is `Solution().name`, or `Solution` or another of the graded names."""
    if isinstance(function, ast.Attribute):
        made = function.value
        return isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == "Solution"
    return isinstance(function, ast.Name) and function.id in graded
