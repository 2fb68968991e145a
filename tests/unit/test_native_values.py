"""The encoder inside the sandbox and the builder of call arguments, without a sandbox around them."""

import math
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgrout import DataError, GradeJob, _native

KEYS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    KEYS | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner) | st.sets(KEYS),
)


def typed(value: Any) -> Any:
    """A value with its types, so that 1, True and 1.0 differ."""
    if type(value) in {list, tuple}:
        return type(value).__name__, [typed(item) for item in value]
    if type(value) is dict:
        return "dict", [(typed(key), typed(item)) for key, item in value.items()]
    if type(value) in {set, frozenset}:
        return type(value).__name__, sorted(repr(typed(item)) for item in value)
    return type(value).__name__, repr(value)


@given(VALUES)
def test_values_come_back_with_their_types(value: Any) -> None:
    assert typed(_native._round_trip(value)) == typed(value)


def test_surrogates_and_special_floats_come_back() -> None:
    assert _native._round_trip("\ud800x") == "\ud800x"
    assert _native._round_trip([math.inf, -math.inf]) == [math.inf, -math.inf]
    assert math.copysign(1, _native._round_trip(-0.0)) == -1
    assert math.isnan(_native._round_trip(math.nan))


def test_the_three_dict_subclasses_count_as_dict() -> None:
    for value in (defaultdict(list, a=[1]), Counter("aab"), OrderedDict(b=1, a=2)):
        assert typed(_native._round_trip(value)) == typed(dict(value))


class Rigged(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    "value", [Rigged(3), [Rigged(3)], {"k": (Rigged(3),)}, object(), b"bytes", 1j, range(3), iter([])]
)
def test_anything_else_is_refused_by_exact_type(value: Any) -> None:
    with pytest.raises(RuntimeError):
        _native._round_trip(value)


def test_nesting_and_cycles_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (deep, cycle):
        with pytest.raises(RuntimeError, match="deep"):
            _native._round_trip(value)


def test_a_test_that_is_no_python_is_refused_by_index() -> None:
    with pytest.raises(DataError, match=r"(?s)tests\[1\]: .*does not compile"):
        GradeJob("```python\n```", ["assert Solution().f() == 1", "x = 1 +* 2\nassert Solution().f(x) == 1"])
