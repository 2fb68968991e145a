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


class Proxy:
    # A name or an object of the answer's, in the judge: to be asked for attributes and text, and for what its class can.
    #
    # Operators that its class does not define are the language's own: two are equal if they are one. For those that it
    # defines the answer is asked, between objects that the test made itself; any others they end the test, since a value
    # would say of itself that it is right. What a class has of a built-in one is read from the value that it holds.

    __slots__ = ("__called", "__held", "__judge", "__number", "__owner", "__role")
    __defined = frozenset()
    __base = None

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
        return _is_one(self, other) or NotImplemented

    def __hash__(self):
        return hash(self._Proxy__number)

    def __getattr__(self, name):
        is_special = name.startswith("__") and name.endswith("__")
        if is_special and name != "__name__" and sys._getframe(1).f_code.co_filename not in SOURCES:
            # The library looks for what a class may define; a test that asks is told.
            self.__judge.touched = True
            raise AttributeError(name)
        value = self.__judge.ask("get", self, (name,), {})
        is_values = is_special or name in self.__judge.methods
        if callable(value) and is_values and is_value(self.__role, self.__called):
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


del Proxy.__slots__


def is_value(role, called):
    """Whether an object stands for a value: what the test did not make, or names as it would a constant."""
    return role in (AS_VALUE, AS_ANY) or (called is not None and called.isupper())


# Files that the test's own words stand in.
SOURCES = ("<test>", "<setup>")


def is_proxy(value):
    return issubclass(type(value), Proxy)


def is_own(proxy):
    """Whether the test made an object by its class's name, and asks its operators for what they do."""
    is_made = proxy._Proxy__role == AS_ANY and proxy._Proxy__number in proxy._Proxy__judge.made
    return is_made or not is_value(proxy._Proxy__role, proxy._Proxy__called)


def _is_one(self, other):
    # One object may be known in two roles, and so have two proxies.
    return is_proxy(other) and other._Proxy__number == self._Proxy__number


def _access(name):
    def method(self, *arguments):
        return self._Proxy__judge.ask(name, self, arguments, {})

    return method


def _of_own(name):
    """An operator that only objects of the test's own are asked for; comparisons, of two such."""
    is_comparison = name in COMPARISONS

    def method(self, *others):
        judge = self._Proxy__judge
        if not is_own(self):
            judge.refuse(f"an object of the answer's whose class defines `{name}`, where a value is expected")
        if is_comparison and not all(is_proxy(other) and is_own(other) for other in others):
            judge.refuse(f"`{name}` of the answer's, beside what the test did not make by the class's name")
        return judge.ask(name, self, others, {})

    return method


def _call(self, *arguments, **keywords):
    operation = "call" if self._Proxy__called is None else "make"
    return self._Proxy__judge.ask(operation, self, arguments, keywords)


def _next(self):
    found = _of_own("__next__")(self)
    if not found:
        raise StopIteration
    return found[0]


def _exit(self, kind, error, _trace):
    # It is told the class alone, hides no failed assertion, and as a value hides nothing.
    hides = bool(_access("__exit__")(self, kind))
    if hides and error is not None and (isinstance(error, AssertionError) or not is_own(self)):
        self._Proxy__judge.refuse("`__exit__` of the answer's hides a failure of the test's")
    return hides


def _unread(self):
    # `int` and `float` read a text without asking it.
    self._Proxy__judge.refuse("a text of the answer's own class, where a number is made of it")


def _drawn(method):
    def draw(self):
        found = method(self)
        return self if _is_one(self, found) else iter(found)

    return draw


def _held(self):
    if not is_value(self._Proxy__role, None):
        return _access("data")(self)
    return self._Proxy__held


def _of_data(name, operation):
    """An operator of the built-in class that the answer's derives from, on what the operands hold."""
    other_way = MIRRORED.get(name)

    def method(self, *others):
        for other in others:
            is_better = (
                is_proxy(other) and type(other) is not type(self) and other_way in other._Proxy__defined
            )
            if is_better or (is_proxy(other) and other._Proxy__base is None):
                return NotImplemented  # it knows better, or holds nothing
        return operation(_held(self), *[_held(other) if is_proxy(other) else other for other in others])

    return method


def _of_container(name, operation):
    """The same for what may change it: an object of the test's own is asked."""
    of_data, of_own = _of_data(name, operation), _of_own(name)
    changes = name in IN_PLACE or name in ("__setitem__", "__delitem__")

    def method(self, *others):
        return of_own(self, *others) if changes or is_own(self) else of_data(self, *others)

    return method


MIRRORED = dict(
    zip(
        "__lt__ __le__ __eq__ __ne__ __gt__ __ge__".split(),
        "__gt__ __ge__ __eq__ __ne__ __lt__ __le__".split(),
    )
)
MIRRORED |= {f"__{name}__": f"__r{name}__" for name in [*_BINARY, "divmod"]}
for _name in ("__bool__", "__str__", "__repr__", "__dir__", "__format__"):
    setattr(Proxy, _name, _access(_name))
for _name in COPIES:
    setattr(Proxy, _name, lambda self, *_, _name=_name: _access(_name)(self))  # no memo crosses
DOC = property(lambda self: self._Proxy__judge.ask("get", self, ("__doc__",), {}))
# By the method that does it: of what a class defines, and of what it has of a built-in one.
OF_CLASS = {name: _of_own(name) for name in OPERATIONS} | {
    CALL: _call,
    CLASS_ITEMS: lambda self, _: self,
    "__enter__": _access("__enter__"),
    "__exit__": _exit,
    "__format__": _access("__format__"),
    "__next__": _next,
}
OF_DATA = (
    {name: _of_data(name, operation) for name, operation in (COMPARISONS | ARITHMETIC).items()}
    | {name: _of_container(name, operation) for name, operation in (ITEMS | IN_PLACE).items()}
    | {"__hash__": _of_data("__hash__", hash)}
)
for _name in ("__iter__", "__reversed__"):
    OF_CLASS[_name], OF_DATA[_name] = _drawn(OF_CLASS[_name]), _drawn(OF_DATA[_name])
OF_DATA["__format__"] = lambda self, form: format(_held(self), form) if form else str(self)
# What may be said of a class: that it defines an operator, or that it lacks one.
KNOWN = frozenset(OF_CLASS) | {f"{LACKS}{name}" for name in OF_CLASS}
PROXIES = {}


def proxy_class(defined, base):
    """The class of proxies for objects whose class defines these operators and derives from this built-in class."""
    defined = KNOWN.intersection(defined)
    if (defined, base) not in PROXIES:
        members = {"__slots__": (), "__doc__": DOC, "__hash__": Proxy.__hash__}
        members |= {"_Proxy__defined": defined, "_Proxy__base": base}
        if base is not None:
            members |= {
                name: operation if getattr(base, name) else None
                for name, operation in OF_DATA.items()
                if hasattr(base, name)
            }
            if base in (str, bytes, bytearray):
                members |= dict.fromkeys(("__int__", "__float__", "__complex__"), _unread)
            # What it is an instance of, for those who ask.
            members["__class__"] = property(lambda self: type(_held(self)))
        members |= {name.removeprefix(LACKS): OF_CLASS.get(name) for name in defined}
        if CLASS_ITEMS in defined:
            members.setdefault("__getitem__", members.pop(CLASS_ITEMS))
        PROXIES[defined, base] = type("Proxy", (Proxy,), members)
        del PROXIES[defined, base].__slots__  # what the answer's class has of it, the answer says
    return PROXIES[defined, base]


def is_class_name(name):
    """Whether the test's own words say that it means a class: the answer would say what suits it."""
    return name[:1].isupper()
