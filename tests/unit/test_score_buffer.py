"""The score buffer's contract, case by case."""

import pickle
import threading

import numpy as np
import pytest

from vgrout import ScoreBuffer


def filled(capacity: int = 4, dim: int = 2, **options: object) -> ScoreBuffer:
    """A buffer with a direction of ones and `capacity` rows 0, 1, 2, … in every column."""
    buffer = ScoreBuffer(capacity, dim, **options)
    buffer.set_direction(np.ones(dim))
    buffer.push(np.repeat(np.arange(capacity, dtype=np.float32)[:, None], dim, axis=1))
    return buffer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capacity": 0}, r"capacity: 0 is outside"),
        ({"capacity": -1}, r"capacity: -1 is outside"),
        ({"capacity": 2**70}, r"capacity: \d+ is outside"),
        ({"dim": 0}, r"dim: 0 is outside"),
        ({"half_life": 0.0}, r"half_life: 0 is not"),
        ({"half_life": -1.0}, r"half_life: -1 is not"),
        ({"half_life": float("nan")}, r"half_life: NaN is not"),
        ({"half_life": float("inf")}, r"half_life: inf is not"),
        ({"dtype": "float16"}, r"dtype: \"float16\" is not"),
        ({"threads": 0}, r"threads: 0 is too few"),
    ],
)
def test_a_bad_option_is_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        ScoreBuffer(**{"capacity": 4, "dim": 2, **arguments})


def test_nothing_is_scored_before_a_direction() -> None:
    buffer = ScoreBuffer(4, 2)
    for call in (
        lambda: buffer.push(np.ones((1, 2), np.float32)),
        lambda: buffer.push(np.ones((0, 2), np.float32)),
        lambda: buffer.quantiles([0.5]),
        lambda: buffer.thresholds(0.1),
    ):
        with pytest.raises(ValueError, match=r"no direction is set.*call set_direction"):
            call()


def test_an_empty_buffer_has_no_quantiles() -> None:
    buffer = ScoreBuffer(4, 2)
    buffer.set_direction([1.0, 1.0])
    assert buffer.push(np.ones((0, 2), np.float32)).shape == (0,)
    with pytest.raises(ValueError, match=r"the buffer is empty; push rows first"):
        buffer.quantiles([0.5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((3, 3), np.float32), r"rows: shape \[3, 3\] is not \[n, 2\]"),
        (np.ones(2, np.float32), r"rows: shape \[2\] is not \[n, 2\]"),
        (np.ones((1, 2, 1), np.float32), r"rows: shape \[1, 2, 1\] is not"),
        (np.array([[1, 2], [3, np.nan]], np.float32), r"rows\[1, 1\]: NaN is not finite.*row 1"),
        (np.array([[-np.inf, 2]], np.float32), r"rows\[0, 0\]: -inf is not finite"),
        (np.array([[1.0, 1e300]]), r"rows\[0, 1\]: inf is not finite"),
        (np.ones((1, 2), np.int16), r"rows: int16 looks like the bits of bfloat16"),
        (np.ones((1, 2), np.complex128), r"rows: dtype complex128 is not a real number type"),
        ([["a", "b"]], r"rows: dtype <U1 is not a real number type"),
    ],
)
def test_a_bad_push_is_refused_whole_and_named(rows, message) -> None:
    buffer = filled()
    before = pickle.dumps(buffer.state_dict())
    with pytest.raises(ValueError, match=message):
        buffer.push(rows)
    assert pickle.dumps(buffer.state_dict()) == before


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        ([1.0], r"direction: shape \[1\] is not \[2\]"),
        ([[1.0, 2.0]], r"direction: shape \[1, 2\] is not \[2\]"),
        ([1.0, float("inf")], r"direction\[1\]: inf is not finite"),
    ],
)
def test_a_bad_direction_leaves_the_old_one_in_force(direction, message) -> None:
    buffer = filled()
    with pytest.raises(ValueError, match=message):
        buffer.set_direction(direction)
    assert buffer.push([[5.0, 6.0]]).tolist() == [11.0]


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan")])
def test_a_probability_outside_its_range_is_named(q) -> None:
    with pytest.raises(ValueError, match=r"quantiles\[1\]: .* is outside \[0, 1\]"):
        filled().quantiles([0.5, q])
    with pytest.raises(ValueError, match=r"thresholds\[0\]: .* is outside \[0, 0.5\]"):
        filled().thresholds(q)


def test_the_oldest_rows_leave_first_and_an_overlong_push_keeps_its_last() -> None:
    buffer = filled(capacity=3, dim=1)
    buffer.push([[10.0]])
    assert buffer.state_dict()["rows"].tolist() == [[1.0], [2.0], [10.0]]
    scores = buffer.push(np.arange(5000, dtype=np.float32)[:, None])
    assert scores.tolist() == list(range(5000))
    assert buffer.state_dict()["rows"].tolist() == [[4997.0], [4998.0], [4999.0]]
    assert (buffer.stats()["pushed"], buffer.stats()["evicted"]) == (5004, 5001)


def test_a_weighted_quantile_is_the_first_score_that_reaches_its_share() -> None:
    buffer = ScoreBuffer(3, 1, half_life=1.0)
    buffer.set_direction([1.0])
    # Weights 1, 2, 4 in proportion, so shares 1/7, 3/7, 7/7 in order of score.
    buffer.push([[1.0], [2.0], [3.0]])
    below, at, above = np.nextafter(3 / 7, 0), 3 / 7, np.nextafter(3 / 7, 1)
    assert 7 * int(at * 2**60) < 3 * 2**60  # the double next to 3/7 lies below it
    assert buffer.quantiles([0.0, 1 / 8, below, at, above, 1.0]).tolist() == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert buffer.thresholds(0.25) == (2.0, 3.0)


def test_a_new_direction_scores_the_stored_rows_again() -> None:
    buffer = filled(capacity=5, dim=3)
    buffer.set_direction([0.0, 0.0, -2.0])
    assert buffer.quantiles([0.0, 0.5, 1.0]).tolist() == [-8.0, -4.0, 0.0]
    assert buffer.stats()["rescored"] == 5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("dim", [1, 17, 1000])
def test_a_score_has_the_same_bits_pushed_and_scored_again_on_any_threads(dtype, dim) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((700, dim)).astype(np.float32)
    direction, other = generator.standard_normal((2, dim))
    answers = []
    for threads in (1, 4):
        buffer = ScoreBuffer(700, dim, dtype=dtype, threads=threads)
        buffer.set_direction(direction)
        pushed = np.sort(buffer.push(rows))
        buffer.set_direction(other)
        buffer.set_direction(direction)
        ranked = buffer.quantiles(np.arange(700) / 699)
        assert np.array_equal(buffer.quantiles([0.0, 1.0]), pushed[[0, -1]])
        assert np.array_equal(ranked, np.quantile(pushed, np.arange(700) / 699))
        answers.append(pushed)
    assert np.array_equal(*answers)
    exact = rows.astype(np.float64) @ direction
    tolerance = {"float32": 1e-5, "bfloat16": 2e-2}[dtype]  # rounding of sums; of features to 8 bits
    assert np.allclose(answers[0], np.sort(exact), atol=tolerance * np.sqrt(dim))


def test_a_sum_beyond_float32_is_clamped() -> None:
    buffer = ScoreBuffer(4, 2)
    buffer.set_direction([2.0, 2.0])
    largest = np.finfo(np.float32).max
    assert buffer.push(np.full((1, 2), largest)).tolist() == [float(largest)]
    buffer.set_direction([-2.0, -2.0])
    assert buffer.quantiles([0.5]).tolist() == [-float(largest)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_restored_buffer_goes_on_as_the_saved_one(dtype) -> None:
    saved = filled(capacity=50, dim=2, half_life=9.0, dtype=dtype)
    state = pickle.loads(pickle.dumps(saved.state_dict()))
    restored = ScoreBuffer(50, 2, half_life=9.0, dtype=dtype)
    restored.set_direction([5.0, 5.0])
    restored.push(np.full((7, 2), 3.0))
    restored.load_state_dict(state)
    for seed in range(20):
        rows = np.random.default_rng(seed).standard_normal((30, 2))
        assert np.array_equal(saved.push(rows), restored.push(rows))
        assert np.array_equal(saved.quantiles([0.1, 0.5, 0.9]), restored.quantiles([0.1, 0.5, 0.9]))
    assert pickle.dumps(saved.state_dict()) == pickle.dumps(restored.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, r"state\[\"format\"\]: found 'other'"),
        ({"capacity": 5}, r"state\[\"capacity\"\]: found 5, but this buffer has 4"),
        ({"half_life": 2.0}, r"state\[\"half_life\"\]: found 2.0, but this buffer has None"),
        ({"dtype": "bfloat16"}, r"state\[\"dtype\"\]"),
        ({"next_sequence": 3}, r"next_sequence.*found 3"),
        ({"next_sequence": -1}, r"next_sequence.*at least 0"),
        ({"direction": None}, r"direction.*found None"),
        ({"direction": np.array([1.0, np.nan], np.float32)}, r"direction.*expected 2 finite values"),
        ({"rows": np.full((4, 2), np.nan, np.float32)}, r"rows.*non-finite value in row 0"),
        ({"rows": np.ones((5, 2), np.float32)}, r"rows.*at most 4 rows"),
        ({"rows": np.ones((4, 3), np.float32)}, r"rows.*shape \[4, 3\]"),
    ],
)
def test_a_foreign_or_damaged_state_is_refused_and_changes_nothing(change, message) -> None:
    buffer = filled()
    before = buffer.state_dict()
    with pytest.raises(ValueError, match=message):
        buffer.load_state_dict({**before, **change})
    del before["rows"]
    with pytest.raises(ValueError, match=r"state\[\"rows\"\]: missing"):
        buffer.load_state_dict(before)
    assert pickle.dumps(buffer.state_dict()) == pickle.dumps(filled().state_dict())


def test_pushes_from_many_threads_all_arrive() -> None:
    buffer = ScoreBuffer(100_000, 1)
    buffer.set_direction([1.0])

    def produce(first: int) -> None:
        for start in range(first, first + 5000, 5):
            rows = np.arange(start, start + 5, dtype=np.float32)[:, None]
            assert buffer.push(rows).tolist() == rows[:, 0].tolist()

    threads = [threading.Thread(target=produce, args=(5000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while len(buffer) < 20_000:
        if len(buffer):
            buffer.thresholds(0.2)
    for thread in threads:
        thread.join()
    rows = buffer.state_dict()["rows"][:, 0].reshape(-1, 5)
    assert np.array_equal(np.sort(rows.ravel()), np.arange(20_000))
    # Every push stayed whole, and each thread's pushes in their order.
    assert np.array_equal(rows - rows[:, :1], np.tile(np.arange(5), (4000, 1)))
    for number in range(4):
        own = rows[(rows[:, 0] >= 5000 * number) & (rows[:, 0] < 5000 * (number + 1)), 0]
        assert np.array_equal(own, np.sort(own))


def test_a_full_ring_is_counted_and_keeps_every_row() -> None:
    buffer = ScoreBuffer(1 << 16, 1)
    buffer.set_direction([1.0])
    for value in range(10_000):
        buffer.push([[float(value)]])
    stats = buffer.stats()
    assert stats["rows"] == 10_000
    assert stats["ingress_full"] == 10_000 // (stats["ingress_slots"] + 1)


def test_the_buffer_says_what_it_is() -> None:
    buffer = filled(half_life=3.5, dtype="bfloat16")
    assert repr(buffer) == 'ScoreBuffer(capacity=4, dim=2, half_life=3.5, dtype="bfloat16") with 4 rows'
    assert (buffer.capacity, buffer.dim, buffer.half_life, buffer.dtype) == (4, 2, 3.5, "bfloat16")
