# Objects of the answer's as the judge's tests see them: what may be asked of one, and what never is.

import re as _re


# What a test asks of a value, an object of the answer's in its place is not asked.
def methods_of(kinds):
    """What a test asks of values of these types, and an object in their place could answer as it likes, or learn from."""
    return frozenset(
        name
        for kind in kinds
        for name in dir(kind)
        if not name.startswith("_") and callable(getattr(kind, name, None))
    )


METHODS = methods_of((*BASES, *LIBRARY, _array.array, complex, range, _re.Pattern, _re.Match))


class Proxy:
    """A name or an object of the answer's, in the judge: to be asked for attributes and text, and for what its class can.

    It has no operators: comparing is identity, whatever the answer's class makes of it. One whose class derives from a
    built-in class compares and reckons as the value that it holds, read by that class.
    """

    __slots__ = ("__allowed", "__judge", "__name", "__number")

    def __init__(self, judge, number, name, allowed):
        object.__setattr__(self, "_Proxy__judge", judge)
        object.__setattr__(self, "_Proxy__number", number)
        object.__setattr__(self, "_Proxy__name", name)
        object.__setattr__(self, "_Proxy__allowed", allowed)

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            self.__judge.touched = True
            raise AttributeError(name)
        if name in self.__judge.methods and self.__allowed is not None and name not in self.__allowed:
            self.__judge.refuse(f"an object of the answer's where a value's `{name}` is asked")
        return self.__judge.ask("get", self, (name,), {})

    def __setattr__(self, name, value):
        self.__judge.ask("set", self, (name, value), {})

    def __instancecheck__(self, value):
        # Nothing but the answer's own objects can be of its classes, and what else is asked about may be what is expected.
        return is_proxy(value) and self.__judge.ask("isinstance", self, (value,), {}) is True


def is_proxy(value):
    return issubclass(type(value), Proxy)


def _access(name):
    def method(self, *arguments):
        return self._Proxy__judge.ask(name, self, arguments, {})

    return method


def _call(self, *arguments, **keywords):
    is_made = is_class_name(self._Proxy__name)
    return self._Proxy__judge.ask("make" if is_made else "call", self, arguments, keywords)


_held = _access("data")


def _of_data(operation):
    """An operator of the built-in class that the answer's derives from, on what the operands hold."""

    def method(self, *others):
        if any(is_proxy(other) and type(other).__eq__ is object.__eq__ for other in others):
            return NotImplemented  # it holds nothing
        return operation(_held(self), *[_held(other) if is_proxy(other) else other for other in others])

    return method


def _reflected(operation):
    return lambda one, other: operation(other, one)


for _name in ("__bool__", "__str__", "__repr__"):
    setattr(Proxy, _name, _access(_name))
OF_DATA = {
    name: _of_data(getattr(_operator, name))
    for name in """__lt__ __le__ __eq__ __ne__ __gt__ __ge__ __add__
    __sub__ __mul__ __truediv__ __floordiv__ __mod__ __pow__ __and__ __or__ __xor__ __neg__ __pos__ __abs__ __invert__
    __index__ __contains__""".split()
}
OF_DATA |= {
    f"__r{name}__": _of_data(_reflected(getattr(_operator, f"__{name}__")))
    for name in "add sub mul truediv floordiv mod pow and or xor".split()
}
OF_DATA |= {f"__{kind.__name__}__": _of_data(kind) for kind in (int, float, complex, hash, round, reversed)}
OF_DATA["__format__"] = lambda self, form: format(_held(self), form) if form else str(self)
# What it is an instance of, for those who ask.
OF_DATA["__class__"] = property(lambda self: type(_held(self)))
# What only some objects can, by the method that does it.
ABILITIES = {
    name: {name: _access(name)} for name in ("__getitem__", "__setitem__", "__delitem__", "__len__")
} | {
    "__call__": {"__call__": _call},
    "__iter__": {"__iter__": lambda self: iter(_access("__iter__")(self))},
    "data": OF_DATA,
}
PROXIES = {}


def proxy_class(abilities):
    """The class of proxies for objects with these abilities."""
    abilities = frozenset(ABILITIES.keys() & set(abilities))
    if abilities not in PROXIES:
        members = {"__slots__": (), "__hash__": object.__hash__}
        for name in abilities:
            members |= ABILITIES[name]
        PROXIES[abilities] = type("Proxy", (Proxy,), members)
    return PROXIES[abilities]


def is_class_name(name):
    """Whether the test's own words say that it means a class: the answer would say what suits it."""
    return name is not None and name[:1].isupper()
