"""What one authored problem consists of, and the small generators its inputs are drawn with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

Arguments = tuple[object, ...]
"""One call's arguments, in the order of the method's parameters."""

Draw = Callable[[Random], Arguments]
"""Gives the arguments of one random call."""


@dataclass(frozen=True, kw_only=True)
class ProblemSource:
    """One problem as its author wrote it; examples, tests and prompt follow from it."""

    id: str
    """Stable slug."""
    difficulty: Literal["easy", "medium", "hard"]
    statement: str
    """The task in words, constraints included; the built prompt adds worked examples from `edges`."""
    canonical: str
    """A `class Solution` whose first method is the one that is graded; runs under the default prelude."""
    edges: Sequence[Arguments]
    """Calls that are always tested; the first `shown` of them are the worked examples."""
    shown: int
    draw: Draw


class Catalogue:
    """The problems of one source module, in the order they are written."""

    def __init__(self, difficulty: Literal["easy", "medium", "hard"]) -> None:
        self._difficulty = difficulty
        self.problems: list[ProblemSource] = []

    def add(
        self,
        slug: str,
        *,
        statement: str,
        canonical: str,
        edges: Sequence[Arguments],
        shown: int = 2,
    ) -> Callable[[Draw], Draw]:
        """Register the decorated generator as the source of the problem's random calls."""

        def register(draw: Draw) -> Draw:
            self.problems.append(
                ProblemSource(
                    id=slug,
                    difficulty=self._difficulty,
                    statement=statement.strip(),
                    canonical=canonical.strip(),
                    edges=edges,
                    shown=shown,
                    draw=draw,
                )
            )
            return draw

        return register


def integers(rng: Random, low: int, high: int, least: int, most: int) -> list[int]:
    """Draw a list of `least` to `most` integers, each within `low` and `high`."""
    return [rng.randint(low, high) for _ in range(rng.randint(least, most))]


def text(rng: Random, alphabet: str, least: int, most: int) -> str:
    """Draw a string of `least` to `most` letters of `alphabet`."""
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))


def words(rng: Random, vocabulary: str, least: int, most: int) -> list[str]:
    """Draw `least` to `most` words, with repetition, from a space-separated vocabulary."""
    choices = vocabulary.split()
    return [rng.choice(choices) for _ in range(rng.randint(least, most))]


def grid(rng: Random, symbols: str, most_rows: int, most_columns: int) -> list[str]:
    """Draw a rectangle of symbols, at least one by one, as a list of equally long rows."""
    columns = rng.randint(1, most_columns)
    return [text(rng, symbols, columns, columns) for _ in range(rng.randint(1, most_rows))]
