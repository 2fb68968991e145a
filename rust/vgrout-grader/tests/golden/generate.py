"""Writes what CPython itself says of equality: `python generate.py`, beside this file.

equality.json: `values`, and for each value a row of 0 and 1: whether it equals each value.
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


def namespace():
    scope = {}
    exec(PRELUDE, scope)
    return scope


def spelled(text):
    """The literal that the parser reads: powers are written out."""
    return repr(10**300) if text == "10**300" else text


def main():
    scope = namespace()
    values = [spelled(text) for text in NUMBERS + TEXTS + CONTAINERS]
    rows = ["".join(str(int(eval(a, scope) == eval(b, scope))) for b in values) for a in values]
    write("equality.json", {"values": values, "rows": rows})


def write(name, table):
    (HERE / name).write_text(json.dumps(table, ensure_ascii=False, indent=0) + "\n")


main()
