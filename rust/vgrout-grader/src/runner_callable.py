# What a test may hand over for the answer to call: it is called in the judge, with plain data.

import random as _random

# Methods of these, as the language has them, do nothing but reckon with or change their own object.
RECKONERS = (
    list,
    set,
    dict,
    _collections.deque,
    str,
    bytes,
    int,
    float,
    tuple,
    frozenset,
    range,
    _re.Pattern,
)


def is_mock(value):
    return type(value).__module__ == "unittest.mock"


def may_be_called(value):
    """Functions, methods and classes that the test or its setup wrote, and what is made of them; methods of data."""
    kind = type(value)
    if is_mock(value) or getattr(value, "__module__", None) == "time":
        return callable(value)
    if kind is _functools.partial:
        return may_be_called(value.func) or id(value.func) in NAMES
    if kind is CACHED:
        return may_be_called(value.__wrapped__)
    if kind is _types.MethodType and type(value.__self__) is _random.Random:
        return True
    if kind is _types.MethodType or kind is type:
        return getattr(value, "__module__", "") == "__main__"
    if kind is type(len):
        return type(value.__self__) in (*RECKONERS, _random.Random)
    is_getter = kind.__module__ == "operator" and kind is not _operator.methodcaller
    return kind is _types.FunctionType or (is_getter and callable(value))


CACHED = type(_functools.lru_cache(may_be_called))
