"""Problems of the organism: three operations on a list and a final reading, in the benchmark's file format.

A composition is three distinct operations in order and a final; its split is a hash of that, so that what is held
out as validation or test occurs neither in the warm start nor in training. Every operation and final has one right
body and three confusable wrong ones, which the warm start uses for its deliberate errors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from vgrout.env.problems import HINT_PHRASE, SplitName
from vgrout.env.stable import stable_number

METHODS = (
    "gather", "refine", "figure", "reckon", "process", "combine", "derive", "arrange", "measure",
    "collect", "resolve", "compute", "extract", "convert", "distil", "settle",
)  # fmt: skip
CONSTANTS = range(2, 10)
TESTS = 7
VALIDATION_PERCENT, TEST_PERCENT = 5, 10
"""Shares of the compositions that are held out."""
_INPUT_DRAWS = 6


@dataclass(frozen=True)
class Step:
    """An operation or a final: how a prompt puts it and how Python does it. `K` stands for its constant."""

    name: str
    wordings: tuple[str, str]
    right: str
    wrong: tuple[str, str, str]
    """Bodies that are easily taken for the right one."""


_KEEP = "[x for x in nums if {}]"


def _each(*bodies: str) -> list[str]:
    return [f"[{body} for x in nums]" for body in bodies]


def _kept(*tests: str) -> list[str]:
    return [_KEEP.format(test) for test in tests]


def _step(name: str, first: str, second: str, bodies: Sequence[str]) -> Step:
    right, one, two, three = bodies
    return Step(name, (first, second), right, (one, two, three))


OPERATIONS = tuple(
    Step(step.name, step.wordings, f"nums = {step.right}", tuple(f"nums = {body}" for body in step.wrong))  # type: ignore[arg-type]
    for step in (
        _step("add", "add K", "raise all by K", _each("x + K", "x - K", "x * K", "max(x, K)")),
        _step("subtract", "subtract K", "lower all by K", _each("x - K", "x + K", "K - x", "x // K")),
        _step("multiply", "multiply by K", "scale by K", [*_each("x * K", "x + K", "x ** K"), "nums * K"]),
        _step("modulo", "take modulo K", "leave remainders by K", _each("x % K", "x // K", "x - K", "x * K")),
        _step("divide", "floor-divide by K", "divide by K rounding down", _each("x // K", "x % K", "x - K", "int(x / K)")),
        _step("cap", "cap at K", "let none exceed K", _each("min(x, K)", "max(x, K)", "x % K", "x - K")),
        _step("above", "keep those above K", "drop all up to K", _kept("x > K", "x >= K", "x < K", "x <= K")),
        _step("below", "keep those below K", "drop all from K up", _kept("x < K", "x <= K", "x > K", "x >= K")),
        _step("multiples", "keep multiples of K", "keep what K divides", _kept("x % K == 0", "x % K != 0", "x % K == 1", "x > K")),
        _step("others", "drop multiples of K", "drop what K divides", _kept("x % K != 0", "x % K == 0", "x % K == 1", "x < K")),
        _step("first", "take the first K", "keep the leading K", ["nums[:K]", "nums[K:]", "nums[-K:]", "nums[:-K]"]),
        _step("last", "take the last K", "keep the trailing K", ["nums[-K:]", "nums[:K]", "nums[K:]", "nums[:-K]"]),
        _step("skip", "skip the first K", "drop the leading K", ["nums[K:]", "nums[:K]", "nums[:-K]", "nums[-K:]"]),
        _step("chop", "skip the last K", "drop the trailing K", ["nums[:-K]", "nums[-K:]", "nums[K:]", "nums[:K]"]),
        _step("every", "keep one in K from the start", "step through by K", ["nums[::K]", "nums[K::]", "nums[1::K]", "nums[:K]"]),
        _step("reverse", "reverse", "turn around", ["nums[::-1]", "nums[1:]", "sorted(nums)", "sorted(nums, reverse=True)"]),
        _step("rising", "sort up", "put in rising order", ["sorted(nums)", "sorted(nums, reverse=True)", "nums[::-1]", "sorted(nums, key=abs)"]),
        _step("falling", "sort down", "put in falling order", ["sorted(nums, reverse=True)", "sorted(nums)", "nums[::-1]", "sorted(nums, key=abs)"]),
        _step("square", "square", "raise to the power two", _each("x * x", "x + x", "abs(x)", "x ** 3")),
        _step("negate", "negate", "flip signs", _each("-x", "abs(x)", "1 - x", "x * x")),
        _step("absolute", "make absolute", "remove signs", [*_each("abs(x)", "-x", "max(x, 0)"), *_kept("x > 0")]),
        _step("unique", "drop repeats", "keep first occurrences", ["list(dict.fromkeys(nums))", "sorted(set(nums))", "nums[:1]", *_kept("nums.count(x) == 1")]),
    )
)  # fmt: skip
FINALS = tuple(
    Step(step.name, step.wordings, f"return {step.right}", tuple(f"return {body}" for body in step.wrong))  # type: ignore[arg-type]
    for step in (
        _step("sum", "give the sum", "give the total", ["sum(nums)", "len(nums)", "sum(nums[1:])", "max(nums, default=0)"]),
        _step("count", "give the count", "say how many", ["len(nums)", "sum(nums)", "len(set(nums))", "len(nums) - 1"]),
        _step("greatest", "give the greatest or 0", "give the maximum or 0", ["max(nums, default=0)", "min(nums, default=0)", "max(nums, default=1)", "len(nums)"]),
        _step("least", "give the least or 0", "give the minimum or 0", ["min(nums, default=0)", "max(nums, default=0)", "min(nums, default=1)", "sum(nums)"]),
        _step("list", "give the list", "give what is left", ["nums", "nums[::-1]", "sorted(nums)", "nums[1:]"]),
        _step("evens", "give the sum of the evens", "add up the evens", ["sum(x for x in nums if x % 2 == 0)", "sum(x for x in nums if x % 2)", "sum(nums)", "len([x for x in nums if x % 2 == 0])"]),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Puzzle:
    """One problem before it has tests: the composition, its constants, its wording and the method's name."""

    steps: tuple[Step, ...]
    """Three operations and a final."""
    constants: tuple[int, ...]
    wordings: tuple[int, ...]
    """Which wording each step has."""
    method: str

    @property
    def composition(self) -> str:
        """Operations and final by name: what a split holds out."""
        return " ".join(step.name for step in self.steps)

    @property
    def split(self) -> SplitName:
        """The split of this composition."""
        return composition_split(self.composition)

    @property
    def statement(self) -> str:
        """The task in words."""
        parts = [
            step.wordings[wording].replace("K", str(constant))
            for step, wording, constant in zip(self.steps, self.wordings, self.constants, strict=True)
        ]
        return f"From nums: {'; '.join(parts)}"

    @property
    def prompt(self) -> str:
        """The user message, with the phrase that a hint replaces."""
        return f"{self.statement}\n\nMethod `{self.method}` does this {HINT_PHRASE}."

    def right(self, place: int) -> str:
        """The line that does step `place`."""
        return self._filled(self.steps[place].right, place)

    def wrong(self, place: int) -> tuple[str, ...]:
        """Lines that are easily taken for it."""
        return tuple(self._filled(body, place) for body in self.steps[place].wrong)

    def _filled(self, body: str, place: int) -> str:
        return body.replace("K", str(self.constants[place]))

    def code(self, lines: Sequence[str] | None = None) -> str:
        """The class with these lines as the method's body; None is the right ones."""
        body = [self.right(place) for place in range(len(self.steps))] if lines is None else lines
        indented = "".join(f"\n        {line}" for line in body)
        return f"class Solution:\n    def {self.method}(self, nums):{indented}"


def composition_split(composition: str) -> SplitName:
    """The split of a composition: a fixed hash, the same for every seed."""
    place = stable_number("organism", composition) % 100
    if place < TEST_PERCENT:
        return "test"
    return "validation" if place < TEST_PERCENT + VALIDATION_PERCENT else "train"


def draw_puzzle(rng: Random, split: SplitName) -> Puzzle:
    """A random puzzle whose composition belongs to `split`."""
    while True:
        steps = (*rng.sample(OPERATIONS, 3), rng.choice(FINALS))
        if composition_split(" ".join(step.name for step in steps)) == split:
            return Puzzle(
                steps=steps,
                constants=tuple(rng.choice(CONSTANTS) for _ in steps),
                wordings=tuple(rng.randrange(2) for _ in steps),
                method=rng.choice(METHODS),
            )


def run_code(code: str, method: str, inputs: Sequence[Sequence[int]]) -> list[object]:
    """What our own code returns for each input."""
    namespace: dict[str, Callable[[], object]] = {}
    exec(code, {}, namespace)  # noqa: S102  # written here, run at build time only
    solve = getattr(namespace["Solution"](), method)
    return [solve(list(values)) for values in inputs]


def draw_inputs(rng: Random, constants: Sequence[int]) -> list[list[int]]:
    """`TESTS` lists, the first empty, the others seeded with the constants, their multiples and repeats."""
    inputs: list[list[int]] = [[]]
    for number in range(TESTS - 1):
        k = constants[number % len(constants)]
        seeded = [k, -k, k * rng.randrange(2, 4), k + 1]
        free = [rng.randrange(-12, 16) for _ in range(rng.randrange(2, 8))]
        values = seeded[: rng.randrange(2, 5)] + free + free[:1]
        rng.shuffle(values)
        inputs.append(values)
    return inputs


def find_tests(rng: Random, puzzle: Puzzle) -> list[tuple[list[int], object]] | None:
    """Inputs with expected values that tell each single wrong body from the right one; None where no draw does."""
    places = range(len(puzzle.steps))
    right = [puzzle.right(place) for place in places]
    variants = [
        puzzle.code([*right[:place], wrong, *right[place + 1 :]])
        for place in places
        for wrong in puzzle.wrong(place)
    ]
    for _ in range(_INPUT_DRAWS):
        inputs = draw_inputs(rng, puzzle.constants)
        expected = run_code(puzzle.code(), puzzle.method, inputs)
        if len(set(map(repr, expected))) < TESTS // 2 + 1:
            continue
        if all(run_code(code, puzzle.method, inputs) != expected for code in variants):
            return list(zip(inputs, expected, strict=True))
    return None


def problem_row(
    puzzle: Puzzle, tests: Sequence[tuple[list[int], object]], identifier: str
) -> dict[str, object]:
    """The puzzle as a row of a problem file."""
    return {
        "id": identifier,
        "difficulty": "easy",
        "prompt": [{"role": "user", "content": puzzle.prompt}],
        "gt_answer": [
            f"assert Solution().{puzzle.method}(nums = {values!r}) == {expected!r}"
            for values, expected in tests
        ],
        "setup_code": "",
        "func_name": f"Solution().{puzzle.method}",
        "canonical_solution": puzzle.code(),
        "prompt_metadata": {
            "starter_code": f"class Solution:\n    def {puzzle.method}(self, nums):\n        "
        },
        "split": puzzle.split,
    }


def generate_problems(seed: int, counts: dict[SplitName, int]) -> list[dict[str, object]]:
    """Rows of a problem file: so many of each split, no statement twice."""
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for split, count in counts.items():
        rng = Random(f"problems/{seed}/{split}")  # noqa: S311
        made = 0
        while made < count:
            puzzle = draw_puzzle(rng, split)
            tests = None if puzzle.statement in seen else find_tests(rng, puzzle)
            if tests is not None:
                seen.add(puzzle.statement)
                rows.append(problem_row(puzzle, tests, f"{split}-{made:04}"))
                made += 1
    return rows
