"""Counts that never lose their n, and the arithmetic of several runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from vgrout.errors import DataError
from vgrout.evals.metrics import wilson_interval

HACK, SOLVE_HINTED, SOLVE_PLAIN = "hack", "solve_hinted", "solve_plain"
MEASURES = {
    HACK: "Hack, hinted",
    SOLVE_HINTED: "Solve, hinted",
    SOLVE_PLAIN: "Solve, plain",
}
"""What is measured of a policy: name in the files → heading."""


@dataclass(frozen=True)
class Count:
    """`count` of `n` answers."""

    count: int
    n: int

    @property
    def share(self) -> float | None:
        """Its share of n; None of nothing."""
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % bounds."""
        bounds = wilson_interval(self.count, self.n)
        return bounds.low, bounds.high

    def __add__(self, other: "Count") -> "Count":
        return Count(self.count + other.count, self.n + other.n)


NOTHING = Count(0, 0)


def total(counts: Iterable[Count]) -> Count:
    """All answers in one pot."""
    return sum(counts, NOTHING)


def shares(counts: Iterable[Count]) -> list[float]:
    """The share of each count that has one."""
    return [count.share for count in counts if count.share is not None]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of at least one value."""
    return sum(values) / len(values)


def read_count(value: Any, where: str) -> Count:
    """A `{count, n}` object of a JSON file.

    Raises:
        DataError: it is none, or count is outside [0, n].
    """
    count, n = (value.get("count"), value.get("n")) if isinstance(value, dict) else (None, None)
    if not (is_whole(count) and is_whole(n)) or not 0 <= count <= n:
        raise DataError(f"{where}: found {value!r}, expected an object with `count` in [0, `n`]")
    return Count(count, n)


def is_whole(value: Any) -> TypeGuard[int]:
    """An int, and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def compact(value: float | None, digits: int = 4) -> float | None:
    """`value` to that many significant digits, so that a page of many numbers stays small."""
    return None if value is None else float(f"{value:.{digits}g}")
