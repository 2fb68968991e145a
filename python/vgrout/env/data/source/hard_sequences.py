"""Hard problems on sequences: parsing, matching, stacks and trees of prefixes."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, grid, integers, text

catalogue = Catalogue("hard")


@catalogue.add(
    "pocket-calculator",
    statement="""
Evaluate an arithmetic expression with non-negative integers, the operators + - * /, parentheses and
spaces. * and / bind tighter than + and -, operators of the same rank are applied from left to right,
and / is integer division rounded down (as // in Python). A minus sign may also stand directly before
a number or an opening parenthesis at the beginning of the expression or after an opening
parenthesis; there it negates the whole chain of * and / that follows it, so that -7/2 means -(7/2) and
has the value -3. Divisors are never zero.

Constraints: the expression is valid and has at most 200 characters. Do not use eval or exec.
""",
    canonical="""
class Solution:
    def evaluate(self, expression: str) -> int:
        tokens = re.findall(r"[0-9]+|[-+*/()]", expression)
        at = 0

        def factor():
            nonlocal at
            token = tokens[at]
            at += 1
            if token != "(":
                return int(token)
            value = total()
            at += 1
            return value

        def term():
            nonlocal at
            value = factor()
            while at < len(tokens) and tokens[at] in "*/":
                at += 1
                if tokens[at - 1] == "*":
                    value *= factor()
                else:
                    value //= factor()
            return value

        def total():
            nonlocal at
            if tokens[at] == "-":
                at += 1
                value = -term()
            else:
                value = term()
            while at < len(tokens) and tokens[at] in "+-":
                at += 1
                if tokens[at - 1] == "+":
                    value += term()
                else:
                    value -= term()
            return value

        return total()
""",
    edges=[
        ("2 + 3 * (4 - 1)",),
        ("-(7 - 10) * 5 / 2",),
        ("8",),
        ("(2 - 9) / 2",),
        ("100/7/3",),
        ("-7/2",),
        ("((((3))))-(-(4))",),
    ],
)
def _pocket_calculator(rng: Random) -> Arguments:
    def expression(depth: int) -> str:
        parts = [operand(depth)]
        for _ in range(rng.randint(1, 3)):
            sign = rng.choice("+-*/")
            parts += [sign, str(rng.randint(1, 9)) if sign == "/" else operand(depth)]
        return rng.choice(["", "", "-"]) + rng.choice(["", " "]).join(parts)

    def operand(depth: int) -> str:
        if depth and rng.random() < 0.4:
            return f"({expression(depth - 1)})"
        return str(rng.randint(0, 40))

    return (expression(2),)


@catalogue.add(
    "patchy-pattern",
    statement="""
A pattern consists of lowercase letters and two signs: "." stands for exactly one arbitrary letter and
"+" for one or more arbitrary letters. Return True if the pattern describes the whole word, otherwise
False.

Constraints: word has 0 to 200 lowercase letters, pattern has 0 to 200 characters.
""",
    canonical="""
class Solution:
    def describes(self, pattern: str, word: str) -> bool:
        reached = [True] + [False] * len(word)
        for sign in pattern:
            following = [False] * (len(word) + 1)
            for j in range(1, len(word) + 1):
                if sign == "+":
                    following[j] = reached[j - 1] or following[j - 1]
                else:
                    following[j] = reached[j - 1] and sign in (".", word[j - 1])
            reached = following
        return reached[-1]
""",
    edges=[("b+.k", "brook"), ("b+k", "bk"), ("", ""), ("+", ""), ("+", "a"), ("a", "ab"), ("+a+a", "aaaa")],
)
def _patchy_pattern(rng: Random) -> Arguments:
    word = text(rng, "ab", 3, 9)
    pattern = "".join(rng.choice([c, c, c, ".", "+"]) for c in word)
    if rng.random() < 0.5:
        cut = rng.randrange(len(pattern))
        pattern = pattern[:cut] + rng.choice("ab+") + pattern[cut + rng.randint(0, 1) :]
    return pattern, word


@catalogue.add(
    "largest-window-pane",
    statement="""
A wall is a list of strings of equal length: "." is free and "#" is blocked. A window is a rectangle of
free cells that is at least two cells wide and at least two cells high. Return the largest number of
cells of a window, or 0 if no window fits.

Constraints: 1 to 60 rows and columns.
""",
    canonical="""
class Solution:
    def largest_window(self, wall: List[str]) -> int:
        columns = len(wall[0])
        heights = [0] * columns
        best = 0
        for row in wall:
            for j in range(columns):
                heights[j] = heights[j] + 1 if row[j] == "." else 0
            stack = []
            for j in range(columns + 1):
                height = heights[j] if j < columns else 0
                start = j
                while stack and stack[-1][1] > height:
                    start, tall = stack.pop()
                    if tall >= 2 and j - start >= 2:
                        best = max(best, tall * (j - start))
                stack.append((start, height))
        return best
""",
    edges=[
        (["..#", "...", "#.."],),
        ([".....", "#.#.#"],),
        (["."],),
        (["....", "...."],),
        (["####", "#..#", "#..#", "#..#", "####"],),
    ],
)
def _largest_window_pane(rng: Random) -> Arguments:
    return (grid(rng, rng.choice(["..#", "...#", ".....#"]), 7, 8),)


@catalogue.add(
    "late-arrivals",
    statement="""
Runners cross the line in the order of the list; numbers[i] is the start number of the runner in place
i. For every place, count the runners who crossed the line later but have a smaller start number by at
least gap. Return the list of these counts.

Constraints: 0 <= len(numbers) <= 2000, 0 <= numbers[i] <= 10**6 (numbers may repeat), 0 <= gap <= 10**6.
With gap = 0 an equal start number counts too.
""",
    canonical="""
class Solution:
    def overtaken(self, numbers: List[int], gap: int) -> List[int]:
        later = []
        counts = []
        for number in reversed(numbers):
            counts.append(bisect_right(later, number - gap))
            insort(later, number)
        return counts[::-1]
""",
    edges=[([5, 2, 9, 4], 1), ([5, 2, 9, 4], 3), ([], 2), ([7, 7, 7], 0), ([7, 7, 7], 1), ([1, 2, 3], 1)],
)
def _late_arrivals(rng: Random) -> Arguments:
    return integers(rng, 0, 40, 4, 15), rng.choice([0, 1, 1, 2, 5, 10])


@catalogue.add(
    "far-apart-xor",
    statement="""
Lamps stand in a row; codes[i] is the code of lamp i. Return the largest value of codes[i] XOR codes[j]
over all pairs of lamps with j - i >= apart, or -1 if there is no such pair.

Constraints: 0 <= len(codes) <= 2000, 0 <= codes[i] < 2**20, 1 <= apart <= 2000.
""",
    canonical="""
class Solution:
    def best_xor(self, codes: List[int], apart: int) -> int:
        best = -1
        root = {}
        for j in range(apart, len(codes)):
            node = root
            for bit in range(19, -1, -1):
                node = node.setdefault(codes[j - apart] >> bit & 1, {})
            node, value = root, 0
            for bit in range(19, -1, -1):
                wanted = 1 - (codes[j] >> bit & 1)
                if wanted in node:
                    value |= 1 << bit
                else:
                    wanted = 1 - wanted
                node = node[wanted]
            best = max(best, value)
        return best
""",
    edges=[([3, 10, 5, 25], 2), ([8, 1], 2), ([], 1), ([6, 6], 1), ([1048575, 0], 1), ([0, 1, 2, 3, 4], 4)],
)
def _far_apart_xor(rng: Random) -> Arguments:
    return integers(rng, 0, rng.choice([60, 1000, 1048575]), 3, 12), rng.randint(1, 5)


@catalogue.add(
    "same-end-strings",
    statement="""
Return how many different non-empty strings can be made from s by deleting any number of its letters
(possibly none) such that the string begins and ends with the same letter. A string of one letter
begins and ends with the same letter. Strings that can be made in several ways count once.

Constraints: 0 <= len(s) <= 60, lowercase letters only.
""",
    canonical="""
class Solution:
    def same_end_strings(self, s: str) -> int:
        total = 0
        for letter in set(s):
            first, last = s.index(letter), s.rindex(letter)
            total += 1
            if last > first:
                # distinct subsequences (the empty one too) of what lies between, then the closing letter
                count, before = 1, {}
                for c in s[first + 1:last]:
                    count, before[c] = 2 * count - before.get(c, 0), count
                total += count
        return total
""",
    edges=[("abca",), ("xyz",), ("",), ("aa",), ("aaaa",), ("abab",)],
)
def _same_end_strings(rng: Random) -> Arguments:
    return (text(rng, rng.choice(["ab", "abc", "abcde"]), 4, 14),)
