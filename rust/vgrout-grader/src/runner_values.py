# Values between an answer's child and its judge. Both run this; the judge takes all that comes for hostile.
#
# Objects travel as one flat table, number to (kind, content), in which an item is a scalar itself or a one-tuple with
# an object's number. So aliases stay aliases, cycles are no matter, depth costs no recursion, and an object's number says
# which argument the other side has changed.

import array as _array
import builtins as _builtins
import collections as _collections
import collections.abc
import datetime as _datetime
import decimal as _decimal
import enum as _enum
import fractions as _fractions
import math as _math
import operator as _operator
import types as _types

SCALARS = frozenset({type(None), bool, int, float, str})
DRAWN = 1_000_000
# What a name of the language may stand for on the other side: nothing that runs text or opens files.
BY_NAME = EXCEPTIONS | {
    name: getattr(_builtins, name)
    for name in """abs all any bin bool bytes chr complex dict divmod enumerate filter float frozenset hash hex int len
    list map max min oct ord pow print range repr reversed round set sorted str sum tuple type zip""".split()
}
for _module in (_math, _operator):
    BY_NAME |= {
        f"{_module.__name__}.{name}": value
        for name, value in vars(_module).items()
        if callable(value) and not name.startswith("_") and not isinstance(value, type)
    }
for _kind in (str, bytes, int, float, list, tuple, dict, set, frozenset):
    BY_NAME |= {
        f"{_kind.__name__}.{name}": value
        for name, value in vars(_kind).items()
        if type(value) is type(str.lower) and not name.startswith("_")
    }
NAMES = {id(value): name for name, value in BY_NAME.items()}
BASES = (int, float, str, list, tuple, dict, set, frozenset, bytes, bytearray, _collections.deque)
# What a design may derive from that reckons by what it holds.
DERIVED = (_collections.OrderedDict, _collections.Counter, *BASES)
DICTS = {kind.__name__: kind for kind in (dict, _collections.OrderedDict, _collections.Counter)}
# Views of every mapping; a class that derives from one of these is drawn as it.
VIEWS = {
    _collections.abc.KeysView: "keys",
    _collections.abc.ValuesView: "values",
    _collections.abc.ItemsView: "items",
}
# Mappings and wrappers of the library's that compare as what they hold.
HOLDERS = {
    _types.MappingProxyType: dict,
    _collections.ChainMap: dict,
    _collections.UserDict: dict,
    _collections.UserList: list,
    _collections.UserString: str,
}
LIBRARY = {
    _fractions.Fraction: lambda value: (value.numerator, value.denominator),
    _decimal.Decimal: lambda value: (str(value),),
    _datetime.date: lambda value: (value.year, value.month, value.day),
    _datetime.datetime: lambda value: (*value.timetuple()[:6], value.microsecond, zone(value), value.fold),
    _datetime.time: lambda value: (
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        zone(value),
        value.fold,
    ),
    _datetime.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
}
LIBRARY_NAMES = {kind.__name__: kind for kind in LIBRARY}


class CannotCross(Exception):
    """A value that is no data; the text names it."""


def name_of(kind):
    return type.__dict__["__name__"].__get__(kind)


def zone(value):
    """The offset of a fixed zone in seconds; None without one."""
    if value.tzinfo is None:
        return None
    if type(value.tzinfo) is not _datetime.timezone:
        raise CannotCross(name_of(type(value.tzinfo)))
    return value.tzinfo.utcoffset(None).total_seconds()


def of_library(name, *content):
    kind = LIBRARY_NAMES[name]
    if kind in (_datetime.datetime, _datetime.time):
        *content, offset, fold = content
        known = None if offset is None else _datetime.timezone(_datetime.timedelta(seconds=offset))
        return kind(*content, tzinfo=known, fold=fold)
    return kind(*content)


def held(value, base):
    """A subclass's value as its base reads it: what the subclass rigs stays behind."""
    if base is int:
        return int.__add__(value, 0)
    if base is float:
        return float.__pos__(value)
    if base is str:
        return str.__str__(value)
    return base(dict(base.items(value))) if issubclass(base, dict) else base(base.__iter__(value))


class Packer:
    """Objects → the table. `known` are objects that the other side has, by number; a trial goes into no exception."""

    def __init__(self, side, known=(), is_trial=False):
        self.side = side
        self.is_trial = is_trial
        self.objects = list(known)
        self.numbers = {id(value): number for number, value in enumerate(self.objects)} | side.shared.numbers
        self.table = {}
        self.waiting = []

    def item(self, value):
        if type(value) in SCALARS:
            return value
        number = self.numbers.get(id(value))
        if number is None:
            number = len(self.objects)
            self.objects.append(value)  # alive, or its id could be another's
            self.numbers[id(value)] = number
            self.waiting.append((number, value))
        return (number,)

    def items(self, values):
        return [value if type(value) in SCALARS else self.item(value) for value in values]

    def pairs(self, pairs):
        return self.items([part for pair in pairs for part in pair])

    def finish(self):
        """Describe every object that was met, and what has changed of those that both sides hold."""
        if not self.is_trial:
            self.side.shared.tell(self)
        while self.waiting:
            number, value = self.waiting.pop()
            self.table[number] = self.describe(value)
        return self.table

    def describe(self, value):
        kind = type(value)
        describe = DESCRIBE.get(kind)
        if describe is not None:
            return describe(self, value)
        name = NAMES.get(id(value))
        if name is not None:
            return ("name", name)
        special = self.side.describe(self, value)
        if special is not None:
            return special
        if kind in LIBRARY:
            return ("library", [kind.__name__, *LIBRARY[kind](value)])
        for view, name in VIEWS.items():
            if issubclass(kind, view):
                drawn = self.drawn(value)
                return (name, self.pairs(drawn if name == "items" else zip(drawn, drawn, strict=True)))
        for base in BASES:
            if issubclass(kind, base):
                return self.of_base(value, base)
        for holder, base in HOLDERS.items():
            if issubclass(kind, holder):
                return self.of_base(base(value), base)
        if kind.__module__ in ("builtins", "itertools") and hasattr(kind, "__next__"):
            return ("iterator", self.items(self.drawn(value)))
        raise CannotCross(name_of(kind))

    def of_base(self, value, base):
        plain = held(value, base)
        return ("scalar", plain) if base in SCALARS else DESCRIBE[base](self, plain)

    @staticmethod
    def drawn(values):
        found = []
        for value in values:
            found.append(value)
            if len(found) > DRAWN:
                raise CannotCross("too many elements")
        return found

    def attributes(self, value, name):
        """An object of the setup code's class `name`."""
        kept = [
            pair
            for pair in fields_of(value).items()
            if not is_private(pair[0]) and not is_cached(type(value), pair[0])
        ]
        return ("object", [name, *self.pairs(kept)])


def dict_of(name):
    return lambda packer, value: (name, packer.pairs(value.items()))


DESCRIBE = {
    list: lambda packer, value: ("list", packer.items(value)),
    tuple: lambda packer, value: ("tuple", packer.items(value)),
    set: lambda packer, value: ("set", packer.items(value)),
    frozenset: lambda packer, value: ("frozenset", packer.items(value)),
    bytes: lambda packer, value: ("bytes", value.decode("latin-1")),
    bytearray: lambda packer, value: ("bytearray", value.decode("latin-1")),
    _array.array: lambda packer, value: ("array", [value.typecode, *value]),
    complex: lambda packer, value: ("complex", [value.real, value.imag]),
    range: lambda packer, value: ("range", [value.start, value.stop, value.step]),
    slice: lambda packer, value: ("slice", packer.items([value.start, value.stop, value.step])),
    _collections.deque: lambda packer, value: ("deque", [value.maxlen, *packer.items(value)]),
    _collections.defaultdict: lambda packer, value: (
        "defaultdict",
        [packer.item(value.default_factory), *packer.pairs(value.items())],
    ),
} | {kind: dict_of(name) for name, kind in DICTS.items()}


def is_same(before, after):
    """Whether two descriptions are equal in value and type: True is not 1."""
    if before[0] != after[0] or len(before[1]) != len(after[1]):
        return False
    if type(before[1]) is str:
        return before[1] == after[1]
    return all(
        type(one) is type(other) and one == other for one, other in zip(before[1], after[1], strict=True)
    )


def pairs_of(flat):
    return zip(flat[::2], flat[1::2], strict=True)


class Unpacker:
    """The table → objects. `known` are objects by number; those that the table names again are changed in place."""

    def __init__(self, side, table, known=(), twins=None):
        """`twins` stand for some of the known objects wherever the reply itself refers to them."""
        self.side = side
        self.table = table
        self.known = len(known)
        self.objects = dict(enumerate(known)) | side.shared.values
        self.originals = {}
        for number, twin in (twins or {}).items():
            key = self.originals[number] = object()
            self.objects[key], self.objects[number] = self.objects[number], twin
        self.unfilled = []
        self.hashed = []

    def item(self, item):
        return self.object(item[0]) if type(item) is tuple else item

    def items(self, items):
        return [self.object(item[0]) if type(item) is tuple else item for item in items]

    def finish(self):
        """Change what the other side has changed, then fill what could refer to itself."""
        for number in [number for number in self.table if number < self.known]:
            kind, content = self.table[number]
            if self.originals and type(content) is list:
                # What was handed over as an element stays that element.
                content = [
                    (self.originals.get(item[0], item[0]),) if type(item) is tuple else item
                    for item in content
                ]
            self.later(self.objects[self.originals.get(number, number)], kind, content)
        while self.unfilled or self.hashed:
            if self.unfilled:
                self.fill(*self.unfilled.pop())
                continue
            # Elements and keys are whole before they are hashed.
            entry = self.hashed.pop()
            self.items(entry[2])
            if self.unfilled:
                self.hashed.append(entry)
            else:
                self.fill(*entry)
        self.side.shared.told(self.table)

    def later(self, value, kind, content):
        hashes = kind in ("set", "defaultdict") or kind in DICTS
        (self.hashed if hashes else self.unfilled).append((value, kind, content))

    def object(self, number):
        if number in self.objects:
            return self.objects[number]
        kind, content = self.table[number]
        if kind in SHELLS:
            value = SHELLS[kind]()
        elif kind == "deque":
            value = _collections.deque(maxlen=content[0])
        elif kind == "object":
            value = self.side.blank(content[0])
        else:
            self.objects[number] = value = self.whole(kind, content)
            return value
        self.objects[number] = value
        self.later(value, kind, content)
        return value

    def whole(self, kind, content):
        """What is made with its content at once; nested ones recurse, which Python bounds."""
        if kind == "tuple":
            return tuple(self.items(content))
        if kind == "frozenset":
            return frozenset(self.items(content))
        if kind == "iterator":
            return iter(self.items(content))
        if kind in ("keys", "values", "items"):
            pairs = list(pairs_of(self.items(content)))
            if kind == "values":
                return dict(enumerate(key for key, _ in pairs)).values()
            return getattr(dict(pairs), kind)()
        if kind == "slice":
            return slice(*self.items(content))
        if kind == "range":
            return range(*content)
        if kind == "bytes":
            return content.encode("latin-1")
        if kind == "complex":
            return complex(*content)
        if kind == "array":
            return _array.array(content[0], content[1:])
        if kind == "scalar" and type(content) in SCALARS:
            return content
        if kind == "library":
            return of_library(*content)
        if kind == "name":
            return self.side.by_name(content)
        if kind == "record":
            return tuple.__new__(self.side.classes[content[0]], self.items(content[1:]))
        if kind == "member" and issubclass(self.side.classes[content[0]], _enum.Enum):
            return self.side.classes[content[0]](self.item(content[1]))
        return self.side.special(self, kind, content)

    def fill(self, value, kind, content):
        if kind == "list":
            list.__setitem__(value, slice(None), self.items(content))
        elif kind in DICTS:
            self.fill_dict(value, content)
        elif kind == "defaultdict":
            value.default_factory = self.item(content[0])
            self.fill_dict(value, content[1:])
        elif kind == "set":
            items = self.items(content)
            set.clear(value)
            set.update(value, items)
        elif kind == "bytearray":
            value[:] = content.encode("latin-1")
        elif kind == "array":
            value[:] = _array.array(content[0], content[1:])
        elif kind == "deque":
            items = self.items(content[1:])
            _collections.deque.clear(value)
            _collections.deque.extend(value, items)
        elif kind == "object" and self.side.is_plain_object(value):
            pairs = list(pairs_of(self.items(content[1:])))
            for name in getattr(value, "__dict__", {}).keys() - {name for name, _ in pairs}:
                if not (is_private(name) or is_cached(type(value), name)):
                    object.__delattr__(value, name)
            for name, each in pairs:
                is_stand_in = self.side.is_stand_in(name, each) and getattr(value, name, None) is not each
                if is_private(name) or is_made_by_class(type(value), name) or is_stand_in:
                    raise CannotCross(f"{content[0]}.{name}")
                object.__setattr__(value, name, each)
        else:
            raise CannotCross(kind)

    def fill_dict(self, value, content):
        if type(value) not in (*DICTS.values(), _collections.defaultdict):
            raise CannotCross("dict")
        pairs = list(pairs_of(self.items(content)))
        value.clear()
        for key, each in pairs:
            value[key] = each


SHELLS = {"list": list, "set": set, "bytearray": bytearray, "defaultdict": _collections.defaultdict} | DICTS
CHANGEABLE = frozenset({*SHELLS, "array", "deque", "object"})
