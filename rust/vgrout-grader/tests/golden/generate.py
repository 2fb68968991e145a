"""Writes what CPython itself says of equality and of asserts: `python generate.py`, beside this file.

equality.json: `values`, and for each value a row of 0 and 1: whether it equals each value.
asserts.json: `claims`, `forms`, and for each form a row: whether the assert passes when `answer()` returns the claim.
"""

import json
import pathlib

HERE = pathlib.Path(__file__).parent
PRELUDE = (HERE.parent.parent / "src" / "prelude.py").read_text()

NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "True",
    "False",
    "0.0",
    "-0.0",
    "1.0",
    "2.5",
    "-2.5",
    "0.1",
    "0.30000000000000004",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "9.223372036854775807e18",
    "-9.223372036854775808e18",
    "18446744073709551616",
    "18446744073709551616.0",
    "1e300",
    "10**300",
    "inf",
    "-inf",
    "5e-324",
    "1e22",
    "10000000000000000000000",
    "123456789012345678901234567890",
    "123456789012345678901234567891",
]
TEXTS = [
    "''",
    "'a'",
    "'b'",
    "'ab'",
    "'1'",
    "'\\ud800'",
    "'\\ud83d\\ude00'",
    "'😀'",
    "'é'",
    "'e\\u0301'",
    "'\\x00'",
    "'A'",
    "'aé'",
]
CONTAINERS = [
    "None",
    "[]",
    "()",
    "{}",
    "set()",
    "frozenset()",
    "[1]",
    "(1,)",
    "[True]",
    "(1.0,)",
    "[1, 2]",
    "[2, 1]",
    "(1, 2)",
    "[1, 2, 3]",
    "[[1], [2]]",
    "[(1,), [2]]",
    "([1], [2])",
    "[None]",
    "[[]]",
    "[[], []]",
    "{1}",
    "{1.0}",
    "{True}",
    "{1, 2}",
    "{2, 1}",
    "{2, 1, 3}",
    "frozenset([1, 2])",
    "{frozenset([1]), 2}",
    "{frozenset([True]), 2.0}",
    "{(1, 2)}",
    "{(1.0, 2)}",
    "{'a', 1}",
    "{1: 2}",
    "{True: 2}",
    "{1.0: 2.0}",
    "{1: 3}",
    "{2: 2}",
    "{1: 2, 3: 4}",
    "{3: 4, 1: 2}",
    "{3: 4, 1: 5}",
    "{'a': [1, {2: 3}]}",
    "{'a': [1.0, {2.0: True}]}",
    "{'a': [1.0, {2.0: 3.0}]}",
    "{(1, 'x'): None}",
    "{None: None}",
    "{10000000000000000000000: 1}",
    "{1e22: 1}",
    "[1e22, '😀']",
    "[10000000000000000000000, '😀']",
    "['a', 'b']",
    "['b', 'a']",
    "[3, 1, 2]",
    "(3, 1, 2)",
    "[1, 'a']",
    "[[2, 'x'], [1, None]]",
    "[[1, None], [1, None]]",
    "[[1, None], [1, 0]]",
    "[2.5, 1, True]",
    "[None, None]",
    "[{1: 2}]",
    "['b', 'B', 'é', '']",
    "[(1, 2), (1,)]",
    "[(1, 2), [1]]",
    "[inf, -inf, 0]",
]
NODES = [
    "list_node([1])",
    "list_node([1, 2])",
    "list_node([1.0, True])",
    "tree_node([1])",
    "tree_node([1, None, 2])",
    "tree_node([1, 2])",
    "tree_node([1, None, 2, 3])",
    "tree_node([1.0, None, 2.0, 3])",
]

FORMS = [
    *[
        f"answer() == {value}"
        for value in [
            "1",
            "1.0",
            "True",
            "[1, 2]",
            "(1, 2)",
            "{1, 2}",
            "{1: 2, 3: 4}",
            "None",
            "'ab'",
            "inf",
            "[]",
        ]
    ],
    "[1, 2] == answer()",
    "1 == answer()",
    "(answer()) == ([1, 2])",
    "(answer() == (1, 2))",
    "answer() == sorted([2, 1])",
    "answer() == set([1, 2, 2])",
    "answer() == frozenset({2, 1})",
    "answer() != 1",
    "answer() != [1, 2]",
    "not answer() == 1",
    "not (answer() == [1, 2])",
    "answer() not in [1, 2]",
    "answer() in [1, [1, 2], 'a']",
    "answer() in (1, 2)",
    "answer() in {1, 2, 'a'}",
    "answer() in {1: 5, 'a': 6}",
    "answer() in 'cab'",
    "1 in answer()",
    "'a' in answer()",
    "[1] in answer()",
    "None in answer()",
    "1 not in answer()",
    "answer() is None",
    "answer() is True",
    "answer() is False",
    "answer() is not None",
    "None is answer()",
    "answer() is not True",
    "answer()",
    "not answer()",
    "not not answer()",
    "answer() == 1 and answer() is True",
    "answer(), 'a message, with a comma'",
    "abs(answer() - 1) < 1",
    "abs(answer() - 1) <= 1",
    "abs(answer() - 2.4) < 0.2",
    "abs(2.4 - answer()) <= 0.1",
    "1e-9 > abs(answer() - 1)",
    "1 >= abs(1 - answer())",
    "abs(answer() - 9007199254740993) < 1",
    "abs(answer() - 123456789012345678901234567890) <= 1",
    "abs(answer() - -1) < 1e-6",
    "abs(answer() - 10.5) < 1e300",
    "math.isclose(answer(), 1)",
    "isclose(answer(), 0.3)",
    "math.isclose(1.5, answer(), abs_tol=1)",
    "math.isclose(answer(), inf)",
    "math.isclose(answer(), 2, rel_tol=0.5)",
    "math.isclose(answer(), 0, abs_tol=1e-9)",
    "sorted(answer()) == [1, 2]",
    "sorted(answer()) == [1, 2, 3]",
    "sorted(answer()) == sorted([3, 2, 1])",
    "sorted([2, 1]) == sorted(answer())",
    "sorted(answer()) == ['a', 'b']",
    "sorted(answer()) == [1, 2, 2.5]",
    "sorted(answer()) == ['', 'B', 'b', 'é']",
    "sorted(answer()) == [(1,), (1, 2)]",
    "sorted(answer()) == []",
    "sorted(answer()) == [[1, None], [1, None]]",
    "sorted(answer()) != [1, 2]",
    "sorted(answer()) == [-inf, 0, inf]",
    "sorted(answer()) == [[1], [2]]",
    "set(answer()) == {1, 2}",
    "set(answer()) == set()",
    "set(answer()) == set([1, 2, 3])",
    "{'a', 'b'} == set(answer())",
    "set(answer()) == {True}",
    "len(answer()) == 1",
    "len(answer()) == 2",
    "0 == len(answer())",
    "len(answer()) == 3",
    "len(answer()) != 2",
    "is_same_list(answer(), list_node([1]))",
    "is_same_list(list_node([1, 2]), answer())",
    "is_same_list(answer(), list_node([]))",
    "is_same_list(answer(), None)",
    "is_same_tree(answer(), tree_node([1, None, 2]))",
    "is_same_tree(tree_node([1]), answer())",
    "is_same_tree(answer(), tree_node([1, None, 2, 3]))",
]


def namespace():
    scope = {}
    exec(PRELUDE, scope)
    return scope


def spelled(text):
    """The literal that the parser reads: powers are written out."""
    return repr(10**300) if text == "10**300" else text


def passes(scope, form, claim):
    scope["answer"] = lambda: eval(claim, scope)
    try:
        exec("assert " + form, scope)
    except Exception:
        return "0"
    return "1"


def main():
    scope = namespace()
    values = [spelled(text) for text in NUMBERS + TEXTS + CONTAINERS]
    rows = ["".join(str(int(eval(a, scope) == eval(b, scope))) for b in values) for a in values]
    write("equality.json", {"values": values, "rows": rows})
    claims = [claim for claim in values if len(claim) < 100] + NODES
    rows = ["".join(passes(scope, form, claim) for claim in claims) for form in FORMS]
    write("asserts.json", {"claims": claims, "forms": FORMS, "rows": rows})


def write(name, table):
    (HERE / name).write_text(json.dumps(table, ensure_ascii=False, indent=0) + "\n")


main()
