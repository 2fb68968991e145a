# What a class's attributes are, as far as the exchange asks: fields that cross, methods and constants that do not.

import builtins as _builtins
import functools as _functools

EXCEPTIONS = {
    name: value
    for name, value in vars(_builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


def is_one_of(kind, kinds):
    """By identity: a class of classes may say that it is equal to any."""
    return any(kind is each for each in kinds)


def is_cached(kind, name):
    """Whether the class makes an attribute of this name anew where it is missing."""
    return any(type(base.__dict__.get(name)) is _functools.cached_property for base in kind.__mro__)


def is_private(name):
    return type(name) is not str or not name.isidentifier() or name.startswith("__")


def is_the_classes(kind, name, value):
    """Whether a class's own attribute is a method, a helper or a constant, and no field that instances set anew."""
    if hasattr(type(value), "__get__") or callable(value):
        return True
    return name.isupper() and name not in kind.__dict__.get("__dataclass_fields__", ())


def is_made_by_class(kind, name):
    """Whether an attribute of this name would stand before what the class makes of it."""
    for base in kind.__mro__:
        if name in base.__dict__:
            value = base.__dict__[name]
            return type(value) is not MEMBER and is_the_classes(base, name, value)
    return False


def fields_of(value):
    """What an object of the setup code's classes holds, by name."""
    found = {}
    for base in reversed(type(value).__mro__[:-1]):
        # A field may be the class's own until an instance sets it.
        for field, default in base.__dict__.items():
            if not field.startswith("_") and not is_the_classes(base, field, default):
                found[field] = default
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            try:
                found[slot] = object.__getattribute__(value, slot)
            except AttributeError:
                pass
    try:
        found.update(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        pass
    return found


class _Slotted:
    __slots__ = ("slot",)


MEMBER = type(_Slotted.slot)


def built_in(kind):
    """The built-in class that a class of exceptions is or derives from."""
    return next(base for base in kind.__mro__ if is_one_of(base, EXCEPTIONS.values()))


def members_of(error):
    """What an exception's built-in classes keep beside its arguments: a missing name, a file."""
    return {
        name: member
        for base in built_in(type(error)).__mro__
        for name, member in base.__dict__.items()
        if type(member) is MEMBER and not name.startswith("_")
    }


def set_member(error, name, value):
    """Say what the arguments did not; those of decoding are positions in memory and follow from the arguments alone."""
    member = members_of(error)[name]
    if type(value) in SCALARS and not isinstance(error, UnicodeError) and member.__get__(error) is None:
        member.__set__(error, value)


CAUSE = "__cause__"


def attributes_of(error):
    """Pairs of name and value of what an exception says beside its arguments; what cannot be read is left out."""
    own = getattr(error, "__dict__", {})
    names = dict.fromkeys(members_of(error)) | dict.fromkeys(own)
    for base in type(error).__mro__:
        if base.__module__ == "__main__":
            names |= {
                name: None
                for name, value in base.__dict__.items()
                if isinstance(value, property) or not is_the_classes(base, name, value)
            }
    pairs = [(CAUSE, error.__cause__)]
    for name in names:
        if not is_private(name):
            try:
                pairs.append((name, getattr(error, name)))
            except Exception:
                pass
    return [pair for pair in pairs if pair[1] is not None or pair[0] in own]


SAID = "__text"


def said(self):
    """The text of an exception whose class the other side has."""
    return self.__dict__[SAID] if SAID in self.__dict__ else Exception.__str__(self)


ENDINGS = (StopIteration, StopAsyncIteration)


def is_harmless(kind):
    """Whether a class of exceptions ends no program, loop or test of the judge's."""
    case = sys.modules.get("unittest.case")
    endings = ENDINGS if case is None else (*ENDINGS, case.SkipTest)
    return isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, endings)
