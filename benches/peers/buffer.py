"""The score buffer's step and refresh, done by what a user would write instead.

`python benches/peers/buffer.py [--rows 8192] [--dim 8064]` prints one table. Times are medians; the work is the same:
push 32 rows, then two quantiles (weighted by 0.5 ** (age / half-life)), and after a new direction one more pair.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from vgrout import ScoreBuffer

PUSH = 32


class Peer(Protocol):
    """One way to do the work."""

    def refresh(self, direction: np.ndarray) -> None: ...
    def step(self, new: np.ndarray, q: float) -> tuple[float, float]: ...


def median_us(work: Callable[[], object], repeats: int) -> float:
    """The median time of a call, in microseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - began)
    return float(np.median(times)) / 1e3


class SortEachTime:
    """Scores in one array; argsort and cumsum at every gate call. Keeps rows, scores new ones only."""

    def __init__(self, rows: np.ndarray, direction: np.ndarray, half_life: float) -> None:
        self.rows, self.half_life = rows.copy(), half_life
        self.refresh(direction)

    def refresh(self, direction: np.ndarray) -> None:
        self.direction = direction
        self.scores = self.rows @ direction

    def step(self, new: np.ndarray, q: float) -> tuple[float, float]:
        self.rows = np.concatenate([self.rows[len(new) :], new])
        return self.thresholds(new, q)

    def thresholds(self, new: np.ndarray, q: float) -> tuple[float, float]:
        self.scores = np.concatenate([self.scores[len(new) :], new @ self.direction])
        order = np.argsort(self.scores, kind="stable")
        ages = np.arange(len(self.scores) - 1, -1, -1)
        sums = np.cumsum((0.5 ** (ages / self.half_life))[order])
        low, high = np.searchsorted(sums, [q * sums[-1], (1 - q) * sums[-1]])
        return float(self.scores[order[low]]), float(self.scores[order[high]])


class Restack:
    """A deque of rows, stacked and scored anew at every gate call, then `numpy.quantile`."""

    def __init__(self, rows: np.ndarray, direction: np.ndarray, _half_life: None) -> None:
        self.rows: deque[np.ndarray] = deque(rows, maxlen=len(rows))
        self.direction = direction

    def refresh(self, direction: np.ndarray) -> None:
        self.direction = direction

    def step(self, new: np.ndarray, q: float) -> tuple[float, float]:
        self.rows.extend(new)
        low, high = np.quantile(np.stack(self.rows) @ self.direction, [q, 1 - q])
        return float(low), float(high)


class Native:
    """`vgrout.ScoreBuffer`, called from Python."""

    def __init__(self, rows: np.ndarray, direction: np.ndarray, half_life: float | None) -> None:
        self.buffer = ScoreBuffer(*rows.shape, half_life=half_life)
        self.buffer.set_direction(direction)
        for start in range(0, len(rows), 1024):
            self.buffer.push(rows[start : start + 1024])

    def refresh(self, direction: np.ndarray) -> None:
        self.buffer.set_direction(direction)

    def step(self, new: np.ndarray, q: float) -> tuple[float, float]:
        self.buffer.push(new)
        return self.buffer.thresholds(q)


class ScoresOnly(SortEachTime):
    """As `SortEachTime`, without the cost of keeping rows: the best NumPy can do at one feature."""

    def step(self, new: np.ndarray, q: float) -> tuple[float, float]:
        return self.thresholds(new, q)


def measure(peer: Peer, new: np.ndarray, direction: np.ndarray, repeats: int) -> tuple[float, float]:
    """Microseconds of a step, and of a step after a new direction."""

    def refreshed() -> None:
        peer.refresh(direction)
        peer.step(new, 0.1)

    step = median_us(lambda: peer.step(new, 0.1), repeats)
    if step < 1000:
        step = median_us(lambda: peer.step(new, 0.1), 20 * repeats)
    return step, median_us(refreshed, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--dim", type=int, default=8064)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    print(
        f"{'rows':>8} {'dim':>5}  {'way':<26} {'push 32 + two quantiles':>24} {'after a new direction':>22}"
    )
    for rows, dim in ((options.rows, 1), (1_000_000, 1), (options.rows, options.dim)):
        data = generator.standard_normal((rows, dim), dtype=np.float32)
        direction = generator.standard_normal(dim).astype(np.float32)
        new = generator.standard_normal((PUSH, dim), dtype=np.float32)
        ways: list[tuple[str, type, float | None]] = [
            ("ScoreBuffer, weighted", Native, rows / 4),
            ("ScoreBuffer, unweighted", Native, None),
            ("NumPy argsort + cumsum", ScoresOnly if dim == 1 else SortEachTime, rows / 4),
        ]
        if rows < 100_000:
            ways.append(("deque, stack, quantile", Restack, None))
        for name, way, half_life in ways:
            peer = way(data, direction, half_life)
            times = measure(peer, new, direction, options.repeats)
            print(f"{rows:>8} {dim:>5}  {name:<26} {times[0]:>21,.1f} us {times[1]:>19,.1f} us")
            del peer


if __name__ == "__main__":
    main()
