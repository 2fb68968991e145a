"""Twenty problems of HumanEval's form, in our own words: a program's beginning, its end, and a check of it."""

from typing import Any

# name, parameters, what is asked, the rest of the program, the check's lines; a helper before the function where tests use it
_ROWS: list[tuple[str, str, str, str, list[str]]] = [
    ("middle", "words: list[str]", "The word in the middle, the later one of two.", "return words[len(words) // 2]", ["candidate(['a', 'b', 'c']) == 'b'", "candidate(['x', 'y']) == 'y'"]),
    ("gaps", "marks: list[int]", "Distances between neighbours.", "return [b - a for a, b in zip(marks, marks[1:])]", ["candidate([1, 4, 9]) == [3, 5]", "candidate([7]) == []"]),
    ("vowel_free", "text: str", "The text without a, e, i, o, u of either case.", "return ''.join(c for c in text if c.lower() not in 'aeiou')", ["candidate('Audio tape') == 'd tp'", "candidate('') == ''"]),
    ("mean_square", "xs: list[float]", "The mean of the squares.", "return sum(x * x for x in xs) / len(xs)", ["abs(candidate([1.0, 2.0]) - 2.5) < 1e-9", "abs(candidate([0.1]) - 0.01) < 1e-9"]),
    ("first_repeat", "xs: list", "The first value that comes again, or None.", "seen = set()\n    for x in xs:\n        if x in seen:\n            return x\n        seen.add(x)\n    return None", ["candidate([3, 1, 3, 1]) == 3", "candidate([1]) is None"]),
    ("rotate", "xs: list, n: int", "The list turned left by n.", "n %= max(1, len(xs))\n    return xs[n:] + xs[:n]", ["candidate([1, 2, 3], 1) == [2, 3, 1]", "candidate([], 4) == []", "candidate([1, 2], 5) == [2, 1]"]),
    ("digits", "n: int, base: int", "Digits of n in a base, the highest first.", "out = []\n    while n:\n        n, d = divmod(n, base)\n        out.append(d)\n    return out[::-1] or [0]", ["candidate(10, 2) == [1, 0, 1, 0]", "candidate(0, 7) == [0]", "candidate(255, 16) == [15, 15]"]),
    ("common", "a: list, b: list", "Values in both, sorted, each once.", "return sorted(set(a) & set(b))", ["candidate([3, 1, 1], [1, 3, 5]) == [1, 3]", "candidate([], [1]) == []"]),
    ("balanced", "text: str", "Whether every ( has its ).", "depth = 0\n    for c in text:\n        depth += (c == '(') - (c == ')')\n        if depth < 0:\n            return False\n    return depth == 0", ["candidate('(()())')", "not candidate(')(')", "not candidate('(')", "candidate('') is True"]),
    ("histogram", "text: str", "How often each letter stands in it.", "return {c: text.count(c) for c in text}", ["candidate('abca') == {'a': 2, 'b': 1, 'c': 1}", "candidate('') == {}"]),
    ("merge_sorted", "a: list, b: list", "Two sorted lists as one.", "return sorted(a + b)", ["candidate([1, 5], [2, 3]) == [1, 2, 3, 5]", "candidate([], []) == []"]),
    ("triangle", "n: int", "The first n rows of Pascal's triangle.", "rows = []\n    for _ in range(n):\n        last = rows[-1] if rows else []\n        rows.append([a + b for a, b in zip([0] + last, last + [0])] if rows else [1])\n    return rows", ["candidate(3) == [[1], [1, 1], [1, 2, 1]]", "candidate(0) == []"]),
    ("clamp", "x: float, low: float, high: float", "x, at least low and at most high.", "return max(low, min(x, high))", ["candidate(5, 0, 3) == 3", "candidate(-1, 0, 3) == 0", "candidate(2, 0, 3) == 2"]),
    ("words_by_length", "text: str", "Words by their length.", "out = {}\n    for w in text.split():\n        out.setdefault(len(w), []).append(w)\n    return out", ["candidate('to be or not') == {2: ['to', 'be', 'or'], 3: ['not']}", "candidate(' ') == {}"]),
    ("is_step", "xs: list[int]", "Whether each value is one more than the last.", "return all(b == a + 1 for a, b in zip(xs, xs[1:]))", ["candidate([1, 2, 3])", "not candidate([1, 3])", "candidate([9])"]),
    ("swap_ends", "xs: list", "Swap the first and the last value in place and give the list.", "if xs:\n        xs[0], xs[-1] = xs[-1], xs[0]\n    return xs", ["candidate([1, 2, 3]) == [3, 2, 1]", "(lambda a: candidate(a) is a and a == [2, 1])([1, 2])"]),
    ("parse_pairs", "text: str", "Pairs such as a=1,b=2 as a dict of ints; ValueError for anything else.", "return {k: int(v) for k, v in (p.split('=') for p in text.split(','))}", ["candidate('a=1,b=2') == {'a': 1, 'b': 2}", "raises(lambda: candidate('a'), ValueError)"]),
    ("primes", "n: int", "Primes up to n.", "return [p for p in range(2, n + 1) if all(p % d for d in range(2, int(p**0.5) + 1))]", ["candidate(11) == [2, 3, 5, 7, 11]", "candidate(1) == []"]),
    ("decode", "text: str", "The inverse of encode.", "return text[1::2] + text[::2] if False else ''.join(chr((ord(c) - 97 - 3) % 26 + 97) for c in text)", ["all(candidate(encode(w)) == w for w in ('abc', 'xyz', ''))", "candidate('def') == 'abc'"]),
    ("root_of", "coefficients: list", "A root of the polynomial; value gives it at a point.", "low, high = -1000.0, 1000.0\n    for _ in range(200):\n        m = (low + high) / 2\n        if (value(coefficients, m) > 0) == (value(coefficients, low) > 0):\n            low = m\n        else:\n            high = m\n    return low", ["abs(value([-8, 0, 0, 1], candidate([-8, 0, 0, 1]))) < 1e-4", "abs(candidate([-6, 2]) - 3) < 1e-6"]),
]  # fmt: skip
_HELPERS = {
    "decode": 'def encode(text: str) -> str:\n    """Every letter three further."""\n    return "".join(chr((ord(c) - 97 + 3) % 26 + 97) for c in text)\n\n\n',
    "root_of": 'def value(coefficients: list, x: float) -> float:\n    """The polynomial at x."""\n    return sum(c * x**i for i, c in enumerate(coefficients))\n\n\n',
}
_RAISES = "def raises(call, kind):\n    try:\n        call()\n    except kind:\n        return True\n    return False\n\n\n"
WRONG = ("return None", "return 0", "return True", "return []", "return ''")


def problems() -> list[dict[str, Any]]:
    """Rows as HumanEval's file has them."""
    rows = []
    for number, (name, parameters, words, rest, asserts) in enumerate(_ROWS):
        lines = "".join(f"    assert {line}\n" for line in asserts)
        rows.append(
            {
                "task_id": f"Begun/{number}",
                "prompt": f'{_HELPERS.get(name, "")}def {name}({parameters}):\n    """{words}"""\n',
                "entry_point": name,
                "canonical_solution": f"    {rest}\n",
                "test": f"METADATA = {{}}\n\n\n{_RAISES if 'raises(' in lines else ''}def check(candidate):\n{lines}",
            }
        )
    return rows


def plainly_passes(row: dict[str, Any], completion: str) -> bool:
    """What Python itself says of the program."""
    scope: dict[str, Any] = {}
    try:
        exec(f"{row['prompt']}{completion}\n{row['test']}\ncheck({row['entry_point']})", scope)
    except Exception:  # noqa: BLE001 - whatever a wrong program raises
        return False
    return True
