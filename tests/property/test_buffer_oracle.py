"""The score buffer against an oracle in Python integers and against NumPy, over random steps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vgrout import ScoreBuffer

pytestmark = pytest.mark.gate

# Few distinct values, so that scores tie; both zeros; halves, which bfloat16 holds exactly.
VALUES = st.sampled_from([-3.0, -1.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 100.0])
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.floats(0.0, 1.0))
HALF_LIVES = st.one_of(st.sampled_from([0.1, 0.5, 1.0, 3.0, 7.25, 1e9]), st.floats(1e-3, 1e3))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.lists(st.tuples(VALUES, VALUES), max_size=12)),
        st.tuples(st.just("direction"), st.tuples(VALUES, VALUES)),
        st.tuples(st.just("reload"), st.none()),
        st.tuples(st.just("quantiles"), st.lists(PROBABILITIES, min_size=1, max_size=4)),
    ),
    max_size=40,
)


def weight(age: int, half_life: float) -> int:
    """round(2^62 * 2^(-age / half_life)) from sixty decimal digits."""
    with localcontext(prec=60):
        power = Decimal(2) ** (62 - Decimal(age) / Decimal(half_life))
        return int(power.to_integral_value(ROUND_HALF_EVEN))


@dataclass
class Oracle:
    """All rows by sequence number; everything else is computed afresh from its definition."""

    capacity: int
    half_life: float | None
    direction: tuple[float, float] = (1.0, 1.0)
    rows: list[tuple[int, tuple[float, float]]] = field(default_factory=list)
    pushed: int = 0

    def score(self, row: tuple[float, float]) -> float:
        return row[0] * self.direction[0] + row[1] * self.direction[1]

    def push(self, rows: list[tuple[float, float]]) -> list[float]:
        for row in rows:
            self.rows.append((self.pushed, row))
            self.pushed += 1
        self.rows = self.rows[-self.capacity :]
        return [self.score(row) for row in rows]

    def quantile(self, q: float) -> float:
        scores = [self.score(row) for _, row in self.rows]
        if self.half_life is None:
            return float(np.quantile(scores, q))
        epoch = -(-32 * Fraction(self.half_life) // 1)
        end = int((self.pushed - 1) // epoch * epoch + epoch - 1)
        entries = sorted((score, sequence) for score, (sequence, _) in zip(scores, self.rows, strict=True))
        weights = [weight(end - sequence, self.half_life) for _, sequence in entries]
        target, reached = Fraction(q) * sum(weights), 0
        for (score, _), own in zip(entries, weights, strict=True):
            reached += own
            if reached >= target:
                return score
        raise AssertionError("q is at most 1")


@given(
    capacity=st.integers(1, 30),
    half_life=st.one_of(st.none(), HALF_LIVES),
    dtype=st.sampled_from(["float32", "bfloat16"]),
    steps=STEPS,
)
def test_random_steps_agree_with_the_oracle(capacity, half_life, dtype, steps) -> None:
    oracle = Oracle(capacity, half_life)
    buffer = ScoreBuffer(capacity, 2, half_life=half_life, dtype=dtype)
    buffer.set_direction(oracle.direction)
    for kind, value in steps:
        if kind == "push":
            rows = np.array(value, dtype=np.float32).reshape(-1, 2)
            assert buffer.push(rows).tolist() == oracle.push(value)
        elif kind == "direction":
            oracle.direction = value
            buffer.set_direction(value)
        elif kind == "reload":
            state = buffer.state_dict()
            buffer = ScoreBuffer(capacity, 2, half_life=half_life, dtype=dtype)
            buffer.load_state_dict(state)
        elif oracle.rows:
            assert buffer.quantiles(value).tolist() == [oracle.quantile(q) for q in value]
        assert len(buffer) == len(oracle.rows)


@given(
    scores=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=200),
    probabilities=st.lists(PROBABILITIES, min_size=1, max_size=8),
)
def test_unweighted_quantiles_equal_numpy_to_the_bit(scores, probabilities) -> None:
    buffer = ScoreBuffer(200, 1)
    buffer.set_direction([1.0])
    kept = buffer.push(np.array(scores, dtype=np.float32)[:, None])
    assert kept.tolist() == scores
    assert buffer.quantiles(probabilities).tolist() == np.quantile(kept, probabilities).tolist()


def as_is(rows: np.ndarray) -> np.ndarray:
    return rows


LAYOUTS: dict[str, Callable[[np.ndarray], object]] = {
    "contiguous": as_is,
    "every second column": lambda rows: np.repeat(rows, 2, axis=1)[:, ::2],
    "Fortran order": np.asfortranarray,
    "big-endian": lambda rows: rows.astype(">f4"),
    "read-only": lambda rows: np.frombuffer(rows.tobytes(), np.float32).reshape(rows.shape),
    "unaligned": lambda rows: np.frombuffer(b"x" + rows.tobytes(), np.float32, offset=1).reshape(rows.shape),
    "float64": lambda rows: rows.astype(np.float64),
    "nested list": lambda rows: rows.tolist(),
    "tensor": torch.from_numpy,
    "tensor of columns": lambda rows: torch.from_numpy(rows.T.copy()).T,
    "tensor with gradient": lambda rows: torch.from_numpy(rows).requires_grad_(),
}


@given(
    rows=st.lists(st.tuples(*[st.floats(-10, 10, width=32)] * 3), min_size=1, max_size=8),
    layout=st.sampled_from(sorted(LAYOUTS)),
)
def test_every_layout_of_the_same_rows_scores_alike(rows, layout) -> None:
    plain = np.array(rows, dtype=np.float32)
    expected, given = ScoreBuffer(8, 3), ScoreBuffer(8, 3)
    for buffer in (expected, given):
        buffer.set_direction([0.3, -1.7, 2.2])
    assert given.push(LAYOUTS[layout](plain.copy())).tolist() == expected.push(plain).tolist()
    assert np.array_equal(given.state_dict()["rows"], plain)


def test_a_tensor_of_another_device_is_refused() -> None:
    buffer = ScoreBuffer(8, 2)
    buffer.set_direction([1.0, 1.0])
    with pytest.raises(ValueError, match=r"rows: the tensor is on meta; pass tensor\.cpu\(\)"):
        buffer.push(torch.ones(1, 2, device="meta"))
    assert len(buffer) == 0


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=40))
def test_bfloat16_rows_are_rounded_as_torch_rounds_them(values) -> None:
    rounded = torch.tensor(values, dtype=torch.float32)[:, None].bfloat16()
    bits = rounded.view(torch.int16).numpy()
    for rows in (np.array(values, dtype=np.float32)[:, None], rounded, bits, bits.view(np.uint16)):
        buffer = ScoreBuffer(40, 1, dtype="bfloat16")
        buffer.set_direction([1.0])
        assert buffer.push(rows).tolist() == rounded.flatten().tolist()
        assert np.array_equal(buffer.state_dict()["rows"], bits)
