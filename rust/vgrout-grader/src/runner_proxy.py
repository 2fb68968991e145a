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


METHODS = methods_of(
    (*BASES, *DICTS.values(), *HOLDERS, *LIBRARY, _array.array, complex, range, _re.Pattern, _re.Match)
)


# What the test's own words make of an object. As a value it stands for one, wherever it comes from; an object that the test
# made by a class's name is its own, and one of the graded class's gives nothing but values. What has nothing that a value
# could be asked for is the same in every role, and has one proxy.
AS_VALUE, AS_ANY, AS_CLASS, AS_OWN, AS_GRADED = range(5)
RICH = "rich"


class Proxy:
    # A name or an object of the answer's, in the judge: to be asked for attributes and text, and for what its class can.
    #
    # It has no operators: comparing is identity, whatever the answer's class makes of it. One whose class derives from a
    # built-in class compares and reckons as the value that it holds, read by that class.

    __slots__ = ("__called", "__held", "__judge", "__number", "__owner", "__role")

    def __init__(self, judge, number, role, called, owner, held):
        for name, value in (
            ("judge", judge),
            ("number", number),
            ("role", role),
            ("called", called),  # the test's own word for it
            ("owner", owner),  # the number of the test's own object that it is a method of
            ("held", held),  # what it was when the answer sent it; read anew where the test itself made it
        ):
            object.__setattr__(self, f"_Proxy__{name}", value)

    def __eq__(self, other):
        # One object may be known in two roles, and so have two proxies.
        return is_proxy(other) and other._Proxy__number == self._Proxy__number

    def __hash__(self):
        return hash(self._Proxy__number)

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__") and name != "__name__":
            self.__judge.touched = True
            raise AttributeError(name)
        value = self.__judge.ask("get", self, (name,), {})
        if callable(value) and name in self.__judge.methods and is_value(self.__role, self.__called):
            self.__judge.refuse(f"an object of the answer's where a value's `{name}` is asked")
        return value

    def __setattr__(self, name, value):
        self.__judge.ask("set", self, (name, value), {})

    def __delattr__(self, name):
        self.__judge.ask("del", self, (name,), {})

    # Nothing but the answer's own can be of its classes, and what else is asked about may be what is expected.
    def __instancecheck__(self, value):
        return is_proxy(value) and self.__judge.ask("isinstance", self, (value,), {}) is True

    def __subclasscheck__(self, kind):
        return is_proxy(kind) and self.__judge.ask("issubclass", self, (kind,), {}) is True


def is_value(role, called):
    """Whether an object stands for a value: what the test did not make, or names as it would a constant."""
    return role in (AS_VALUE, AS_ANY) or (called is not None and called.isupper())


def is_proxy(value):
    return issubclass(type(value), Proxy)


def _access(name):
    def method(self, *arguments):
        return self._Proxy__judge.ask(name, self, arguments, {})

    return method


def _call(self, *arguments, **keywords):
    operation = "call" if self._Proxy__called is None else "make"
    return self._Proxy__judge.ask(operation, self, arguments, keywords)


def _next(self):
    found = _access("__next__")(self)
    if not found:
        raise StopIteration
    return found[0]


def _exit(self, kind, _error, _trace):
    # Whatever it says, it hides no failure of the test's, and what that would tell is not told.
    _access("__exit__")(self, kind)


def _held(self):
    if not is_value(self._Proxy__role, None):
        return _access("data")(self)
    return self._Proxy__held


def _of_data(operation):
    """An operator of the built-in class that the answer's derives from, on what the operands hold."""

    def method(self, *others):
        if any(is_proxy(other) and not is_based(other) for other in others):
            return NotImplemented  # it holds nothing
        return operation(_held(self), *[_held(other) if is_proxy(other) else other for other in others])

    return method


def _reflected(operation):
    return lambda one, other: operation(other, one)


for _name in ("__bool__", "__str__", "__repr__"):
    setattr(Proxy, _name, _access(_name))
DOC = property(lambda self: self._Proxy__judge.ask("get", self, ("__doc__",), {}))
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
    name: {name: _access(name)}
    for name in ("__getitem__", "__setitem__", "__delitem__", "__len__", "__contains__", "__enter__")
} | {
    "__call__": {"__call__": _call},
    "__iter__": {"__iter__": lambda self: iter(_access("__iter__")(self))},
    "__exit__": {"__exit__": _exit},
    "data": OF_DATA,
    "__next__": {"__next__": _next, "__iter__": lambda self: self},
}
# Length, items and order of what the test did not make need not agree with each other.
OF_ANY = frozenset({"__call__", "data", "__enter__", "__exit__"})
PROXIES = {}


def proxy_class(abilities):
    """The class of proxies for objects with these abilities."""
    abilities = frozenset(ABILITIES.keys() & set(abilities))
    if abilities not in PROXIES:
        members = {"__slots__": (), "__doc__": DOC, "__hash__": Proxy.__hash__}
        for name in ABILITIES:
            members |= ABILITIES[name] if name in abilities else {}
        PROXIES[abilities] = type("Proxy", (Proxy,), members)
    return PROXIES[abilities]


def is_based(proxy):
    """Whether its class derives from a built-in one, so that it holds a value."""
    return type(proxy).__eq__ is not Proxy.__eq__


def is_class_name(name):
    """Whether the test's own words say that it means a class: the answer would say what suits it."""
    return name[:1].isupper()
