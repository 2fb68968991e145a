# The exchange between an answer's child and its judge. Both run this; the judge takes all that comes for hostile.
#
# A message is a tuple of plain values. Objects in it travel as one flat table, number to (kind, content), in which an
# item is a scalar itself or a one-tuple with an object's number. So aliases stay aliases, cycles are no matter, depth
# costs no recursion, and an object's number says which argument the other side has changed.

import builtins as _builtins
import collections as _collections
import datetime as _datetime
import decimal as _decimal
import enum as _enum
import fractions as _fractions

SCALARS = frozenset({type(None), bool, int, float, str})
DRAWN = 1_000_000
NESTED_CALLS = 40
EXCEPTIONS = {
    name: value
    for name, value in vars(_builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
# What a name of the language may stand for on the other side: nothing that runs text or opens files.
BY_NAME = EXCEPTIONS | {
    name: getattr(_builtins, name)
    for name in """abs all any bin bool bytes chr complex dict divmod enumerate filter float frozenset hash hex int len
    list map max min oct ord pow range repr reversed round set sorted str sum tuple zip""".split()
}
BASES = (int, float, str, list, tuple, dict, set, frozenset, bytes, bytearray, _collections.deque)
VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
LIBRARY = {
    _fractions.Fraction: lambda value: (value.numerator, value.denominator),
    _decimal.Decimal: lambda value: (str(value),),
    _datetime.date: lambda value: (value.year, value.month, value.day),
    _datetime.datetime: lambda value: (
        *value.timetuple()[:6],
        value.microsecond,
    ),
    _datetime.time: lambda value: (value.hour, value.minute, value.second, value.microsecond),
    _datetime.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
}
LIBRARY_NAMES = {kind.__name__: kind for kind in LIBRARY}


# What else an object of the answer's may be asked for: each gives data. Comparing is not among them.
ACCESS = {
    "__getitem__": lambda value, key: value[key],
    "__setitem__": lambda value, key, item: value.__setitem__(key, item),
    "__delitem__": lambda value, key: value.__delitem__(key),
    "__len__": len,
    "__bool__": bool,
    "__iter__": lambda value: Packer.drawn(value),
    "__str__": str,
    "__repr__": repr,
}


class CannotCross(Exception):
    """A value that is no data; the text names it."""


class Gone(BaseException):
    """The other side is gone."""


class BadReturn(BaseException):
    """The answer returned what cannot cross."""


class Packer:
    """Objects → the table. `known` are objects that the other side has, by number."""

    def __init__(self, side, known=()):
        self.side = side
        self.objects = list(known)
        self.numbers = {id(value): number for number, value in enumerate(self.objects)}
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

    def finish(self):
        """Describe every object that was met."""
        while self.waiting:
            number, value = self.waiting.pop()
            self.table[number] = self.describe(value)
        return self.table

    def describe(self, value):
        kind = type(value)
        describe = DESCRIBE.get(kind)
        if describe is not None:
            return describe(self, value)
        special = self.side.describe(self, value)
        if special is not None:
            return special
        if kind in LIBRARY:
            return ("library", [kind.__name__, *LIBRARY[kind](value)])
        if kind in VIEWS:
            pairs = self.drawn(value) if VIEWS[kind] == "items" else [(each, each) for each in self.drawn(value)]
            return (VIEWS[kind], self.items([part for pair in pairs for part in pair]))
        for base in BASES:
            if issubclass(kind, base):
                return self.of_base(value, base)
        name = BY_NAME.get(getattr(value, "__name__", None)) if kind in (type, type(len)) else None
        if name is value:
            return ("name", value.__name__)
        if kind.__module__ in ("builtins", "itertools") and hasattr(kind, "__next__"):
            return ("iterator", self.items(self.drawn(value)))
        raise CannotCross(type.__dict__["__name__"].__get__(kind))

    def of_base(self, value, base):
        """A subclass's value as its base reads it: what the subclass rigs stays behind."""
        if base is int:
            return ("scalar", int.__add__(value, 0))
        if base is float:
            return ("scalar", float.__pos__(value))
        if base is str:
            return ("scalar", str.__str__(value))
        if base is dict:
            pairs = [part for pair in dict.items(value) for part in pair]
            return ("dict", self.items(pairs))
        return DESCRIBE[base](self, base(base.__iter__(value)))

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
        found = {}
        for base in reversed(type(value).__mro__[:-1]):
            # A field may be the class's own until an instance sets it.
            for field, default in base.__dict__.items():
                if not field.startswith("_") and not hasattr(type(default), "__get__"):
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
        flat = [part for pair in found.items() for part in pair if not is_private(pair[0])]
        return ("object", [name, *self.items(flat)])


def is_private(name):
    return type(name) is not str or not name.isidentifier() or name.startswith("__")


DESCRIBE = {
    list: lambda packer, value: ("list", packer.items(value)),
    tuple: lambda packer, value: ("tuple", packer.items(value)),
    dict: lambda packer, value: ("dict", packer.items([part for pair in value.items() for part in pair])),
    set: lambda packer, value: ("set", packer.items(value)),
    frozenset: lambda packer, value: ("frozenset", packer.items(value)),
    bytes: lambda packer, value: ("bytes", value.decode("latin-1")),
    bytearray: lambda packer, value: ("bytearray", value.decode("latin-1")),
    complex: lambda packer, value: ("complex", [value.real, value.imag]),
    range: lambda packer, value: ("range", [value.start, value.stop, value.step]),
    slice: lambda packer, value: ("slice", packer.items([value.start, value.stop, value.step])),
    _collections.deque: lambda packer, value: ("deque", [value.maxlen, *packer.items(value)]),
}


def is_same(before, after):
    """Whether two descriptions are equal in value and type: True is not 1."""
    if before[0] != after[0] or len(before[1]) != len(after[1]):
        return False
    if type(before[1]) is str:
        return before[1] == after[1]
    return all(type(one) is type(other) and one == other for one, other in zip(before[1], after[1], strict=True))


def pairs_of(flat):
    return zip(flat[::2], flat[1::2], strict=True)


class Unpacker:
    """The table → objects. `known` are objects by number; those that the table names again are changed in place."""

    def __init__(self, side, table, known=()):
        self.side = side
        self.table = table
        self.objects = dict(enumerate(known))
        self.known = len(self.objects)
        self.unfilled = []

    def item(self, item):
        return self.object(item[0]) if type(item) is tuple else item

    def items(self, items):
        return [self.object(item[0]) if type(item) is tuple else item for item in items]

    def finish(self):
        """Change what the other side has changed, then fill what could refer to itself."""
        for number in [number for number in self.table if number < self.known]:
            self.unfilled.append((self.objects[number], *self.table[number]))
        while self.unfilled:
            self.fill(*self.unfilled.pop())

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
        self.unfilled.append((value, kind, content))
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
        if kind == "scalar" and type(content) in SCALARS:
            return content
        if kind == "library":
            return LIBRARY_NAMES[content[0]](*content[1:])
        if kind == "name":
            return BY_NAME[content]
        return self.side.special(kind, content)

    def fill(self, value, kind, content):
        if kind == "list":
            list.__setitem__(value, slice(None), self.items(content))
        elif kind == "dict":
            pairs = list(pairs_of(self.items(content)))
            dict.clear(value)
            dict.update(value, pairs)
        elif kind == "set":
            items = self.items(content)
            set.clear(value)
            set.update(value, items)
        elif kind == "bytearray":
            value[:] = content.encode("latin-1")
        elif kind == "deque":
            items = self.items(content[1:])
            _collections.deque.clear(value)
            _collections.deque.extend(value, items)
        elif kind == "object" and self.side.is_setup_class(type(value), type(value).__name__):
            for name, each in pairs_of(self.items(content[1:])):
                if is_private(name):
                    raise CannotCross(str(name))
                object.__setattr__(value, name, each)
        else:
            raise CannotCross(kind)


SHELLS = {"list": list, "dict": dict, "set": set, "bytearray": bytearray}
CHANGEABLE = frozenset({*SHELLS, "deque", "object"})


class Side:
    """What both ends share: the setup code's classes, and the sending."""

    def __init__(self, zygote, setup):
        self.zygote = zygote
        self.classes = {
            name: value
            for name, value in setup.items()
            if isinstance(value, type) and value.__module__ == "__main__" and value.__name__ == name
        }

    def send(self, *message):
        if not self.zygote.send(message):
            raise Gone

    def receive(self):
        message = self.zygote.receive()
        if message is None:
            raise Gone
        return message

    def describe_of_setup(self, packer, value):
        """An object or a member of one of the setup code's classes; None for anything else."""
        kind = type(value)
        name = type.__dict__["__name__"].__get__(kind)
        if not self.is_setup_class(kind, name):
            return None
        if issubclass(kind, _enum.Enum):
            return ("member", [name, value.name])
        return packer.attributes(value, name)

    def pack_call(self, arguments, keywords):
        packer = Packer(self)
        items = packer.items(arguments)
        flat = packer.items([part for pair in keywords.items() for part in pair])
        return packer, items, flat

    def unpack_call(self, table, items, flat):
        unpacker = Unpacker(self, table)
        arguments = unpacker.items(items)
        keywords = dict(pairs_of(unpacker.items(flat)))
        unpacker.finish()
        return unpacker, arguments, keywords


class AnswerSide(Side):
    """The answer's child: serves the judge's requests, one at a time, calls back where it is asked to."""

    def __init__(self, run, setup, sentinel):
        super().__init__(run.zygote, setup)
        self.run = run
        self.namespace = run.namespace
        self.sentinel = sentinel
        self.flags = []
        self.handles = []
        self.handle_of = {}
        self.own = {name for name, value in run.namespace.items() if setup.get(name, self) is not value}

    def serve(self):
        try:
            self.send("names", sorted(name for name in self.own if not name.startswith("__")))
            while True:
                self.answer(*self.receive())
        except Gone:
            pass

    def wait(self):
        """The reply to a call back; requests that come before it are served."""
        while True:
            message = self.receive()
            if message[0] in ("value", "raise"):
                return message
            self.answer(*message)

    def answer(self, operation, *rest):
        if operation == "ended":
            if self.sentinel is not None:
                flags, self.flags = self.flags, []
                self.run.record(SENTINEL, rest[0], "1" if flags and all(flags) else "0")
            return
        table, target, items, flat = rest
        unpacker = None
        try:
            unpacker, arguments, keywords = self.unpack_call(table, items, flat)
            value = self.perform(operation, self.resolve(target), arguments, keywords)
        except SystemExit as error:
            self.run.stop_at_exit(MODULE_LEVEL - 1, error)
        except Gone:
            raise
        except BaseException as error:
            name = type.__dict__["__name__"].__get__(type(error))
            text = describe(error)[len(name) + 2 :]
            self.reply(table, unpacker, "raise", name, text)
        else:
            self.reply(table, unpacker, "value", value)

    def reply(self, table, unpacker, kind, *rest):
        """The outcome, and those arguments that are no longer what they were."""
        known = [] if unpacker is None else [unpacker.objects.get(number, unpacker) for number in range(len(table))]
        packer = Packer(self, known)
        try:
            item = packer.item(rest[0]) if kind == "value" else list(rest)
            for number, value in enumerate(known):
                before = table[number]
                if before[0] in CHANGEABLE and value is not unpacker:
                    after = packer.describe(value)
                    if not is_same(before, after):
                        packer.table[number] = after
            self.send(kind, packer.finish(), item)
        except Gone:
            raise
        except BaseException as error:
            self.send("bad", {}, (str(error) if type(error) is CannotCross else describe(error))[:200])

    def resolve(self, target):
        if type(target) is int:
            return self.handles[target]
        try:
            return self.namespace[target]
        except KeyError:
            raise NameError(f"name {target!r} is not defined") from None

    def perform(self, operation, target, arguments, keywords):
        if operation == "call":
            value = target(*arguments, **keywords)
            self.look_for_sentinel(target)
            return value
        if operation == "get":
            return getattr(target, arguments[0])
        if operation == "set":
            return setattr(target, *arguments)
        if operation == "isinstance":
            return isinstance(arguments[0], target)
        if operation in ACCESS:
            return ACCESS[operation](target, *arguments)
        return target

    def look_for_sentinel(self, target):
        if self.sentinel is None:
            return
        instance = getattr(target, "__self__", None)
        if instance is not None:
            try:
                self.flags.append(getattr(instance, self.sentinel) is True)
            except BaseException:
                self.flags.append(False)

    def is_setup_class(self, kind, name):
        return name in self.classes and kind in (self.classes[name], self.namespace.get(name))

    def blank(self, name):
        kind = self.namespace.get(name)
        return object.__new__(kind if isinstance(kind, type) else self.classes[name])

    def describe(self, packer, value):
        of_setup = self.describe_of_setup(packer, value)
        if of_setup is not None:
            return of_setup
        kind = type(value)
        if isinstance(value, type) and issubclass(value, BaseException) and value not in EXCEPTIONS.values():
            return ("exception", value.__name__)
        is_plain = issubclass(kind, BASES) and not isinstance(value, type)
        # A function or class of the language's has the same name there.
        is_own = not is_plain and (kind.__module__ == "__main__" or callable(value)) and value is not BY_NAME.get(
            getattr(value, "__name__", "")
        )
        if not is_own:
            return None
        if id(value) not in self.handle_of:
            self.handle_of[id(value)] = len(self.handles)
            self.handles.append(value)
        return ("handle", self.handle_of[id(value)])

    def special(self, kind, content):
        if kind == "handle":
            return self.resolve(content)
        if kind == "function":
            return self.caller(content)
        if kind == "member":
            return self.classes[content[0]][content[1]]
        if kind == "exception":
            return self.namespace.get(content, Exception)
        raise CannotCross(kind)

    def caller(self, number):
        """A function of the test's, as the answer may call it."""

        def function(*arguments, **keywords):
            packer, items, flat = self.pack_call(arguments, keywords)
            self.send("back", packer.finish(), number, items, flat)
            kind, table, item = self.wait()
            if kind == "raise":
                raise EXCEPTIONS.get(item[0], Exception)(item[1])
            unpacker = Unpacker(self, table, packer.objects)
            value = unpacker.item(item)
            unpacker.finish()
            return value

        return function


class Proxy:
    """A name or an object of the answer's, in the judge: to be called and asked for attributes, items and text.

    It has no operators: comparing is identity, whatever the answer's class makes of it.
    """

    __slots__ = ("__judge", "__target")

    def __init__(self, judge, target):
        object.__setattr__(self, "_Proxy__judge", judge)
        object.__setattr__(self, "_Proxy__target", target)

    def __call__(self, *arguments, **keywords):
        return self.__judge.ask("call", self.__target, arguments, keywords)

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self.__judge.ask("get", self.__target, (name,), {})

    def __setattr__(self, name, value):
        self.__judge.ask("set", self.__target, (name, value), {})

    def __instancecheck__(self, value):
        return self.__judge.ask("isinstance", self.__target, (value,), {}) is True

    def __getitem__(self, key):
        return self.__judge.ask("__getitem__", self.__target, (key,), {})

    def __setitem__(self, key, value):
        self.__judge.ask("__setitem__", self.__target, (key, value), {})

    def __delitem__(self, key):
        self.__judge.ask("__delitem__", self.__target, (key,), {})

    def __iter__(self):
        return iter(self.__judge.ask("__iter__", self.__target, (), {}))

    def __len__(self):
        return self.__judge.ask("__len__", self.__target, (), {})

    def __bool__(self):
        return self.__judge.ask("__bool__", self.__target, (), {}) is True

    def __str__(self):
        return self.__judge.ask("__str__", self.__target, (), {})

    def __repr__(self):
        return self.__judge.ask("__repr__", self.__target, (), {})


class Builtins(dict):
    """What a test's names mean that neither it nor the setup code defines: Python's, then the answer's."""

    def __init__(self, judge):
        super().__init__(vars(_builtins))
        self.judge = judge

    def __missing__(self, name):
        return self.judge.named(name)


def refuse_text(*_arguments, **_keywords):
    raise RuntimeError("eval, exec and compile are not to be had once the answer was asked: its text is not code")


class Judge(Side):
    """The judge's child: runs the tests, each by itself, and asks the answer's child for what it needs of it."""

    def __init__(self, zygote, namespace, graded, entry_point):
        super().__init__(zygote, dict(namespace))
        self.setup = dict(namespace)
        self.graded = graded
        self.entry_point = entry_point
        self.names = frozenset()
        self.functions = []
        self.exceptions = {}
        self.proxies = {}
        self.depth = 0

    def run(self, tests):
        record = self.zygote.record
        try:
            operation, names = self.receive()
            self.names = frozenset(names)
            for index, source in tests:
                record(*self.judge(index, source))
                self.send("ended", index)
        except Gone:
            pass

    def judge(self, index, source):
        self.asked, self.raised, self.bad, self.unknown = 0, None, None, None
        self.builtins = Builtins(self)
        scope = dict(self.setup)
        scope["__builtins__"] = self.builtins
        for name in (self.graded, self.entry_point and "candidate"):
            if name:
                scope[name] = self.proxy(self.graded)
        failure = None
        try:
            exec(compile(source, "<test>", "exec", dont_inherit=True), scope)
        except (Gone, BadReturn) as error:
            if type(error) is Gone:
                raise
        except SystemExit as error:
            failure = error if Rollout.status(error) else None
        except BaseException as error:
            failure = error
        if self.bad is not None:
            return BAD_TYPE, index, self.bad
        if failure is None:
            return (HELD, index, "") if self.asked else (FAILED, index, "the answer was asked nothing")
        text = describe(failure)
        if failure is self.raised:
            return RAISED, index, text
        if isinstance(failure, NameError) and failure.name is not None and failure.name == self.unknown:
            return RAISED, index, text
        return (FAILED if self.asked else UNASKED), index, text

    def named(self, name):
        if name not in self.names:
            self.unknown = name
            raise KeyError(name)
        return self.ask("name", name, (), {})

    def proxy(self, target):
        if target not in self.proxies:
            self.proxies[target] = Proxy(self, target)
        return self.proxies[target]

    def ask(self, operation, target, arguments, keywords):
        if self.depth >= NESTED_CALLS:
            raise RecursionError("calls of the answer and calls back nest too deep")
        packer, items, flat = self.pack_call(arguments, keywords)
        try:
            self.send(operation, packer.finish(), target, items, flat)
        except CannotCross as error:
            raise TypeError(f"a {error} cannot be handed to the answer") from None
        self.depth += 1
        try:
            message = self.receive()
            while message[0] == "back":
                self.call_back(*message[1:])
                message = self.receive()
            kind, table, item = message
            if kind == "bad":
                self.refuse(str(item))
            unpacker = Unpacker(self, table, packer.objects)
            value = unpacker.item(item) if kind == "value" else self.exception(*item)
            unpacker.finish()
        except (Gone, BadReturn):
            raise
        except Exception as error:  # bytes that are no message: the answer wrote them itself
            self.refuse(describe(error))
        finally:
            self.depth -= 1
        self.asked += operation != "name"  # what a name stands for is no question yet
        for name in ("eval", "exec", "compile"):
            self.builtins[name] = refuse_text
        if kind == "raise":
            self.raised = value
            raise value
        return value

    def refuse(self, what):
        self.bad = what
        raise BadReturn

    def call_back(self, table, number, items, flat):
        """The answer calls a function of the test's."""
        try:
            unpacker, arguments, keywords = self.unpack_call(table, items, flat)
            value = self.functions[number](*arguments, **keywords)
        except (Gone, BadReturn):
            raise
        except BaseException as error:
            self.send("raise", {}, [type(error).__name__, describe(error)])
            return
        packer = Packer(self, [unpacker.objects.get(place) for place in range(len(table))])
        try:
            item = packer.item(value)
            self.send("value", packer.finish(), item)
        except CannotCross as error:
            self.send("raise", {}, ["TypeError", f"a {error} cannot be handed to the answer"])

    def exception(self, name, text):
        kind = self.exception_class(name)
        try:
            return kind(text) if text else kind()
        except TypeError:  # one that takes more than a text
            error = kind.__new__(kind)
            error.args = (text,)
            return error

    def exception_class(self, name):
        known = EXCEPTIONS.get(name, _builtins.object)
        if issubclass(known, Exception):
            return known
        if name not in self.exceptions:
            self.exceptions[name] = type(str(name), (Exception,), {})
        return self.exceptions[name]

    def is_setup_class(self, kind, name):
        return self.classes.get(name) is kind

    def blank(self, name):
        return object.__new__(self.classes[name])

    def describe(self, packer, value):
        of_setup = self.describe_of_setup(packer, value)
        if of_setup is not None:
            return of_setup
        if type(value) is Proxy:
            return ("handle", object.__getattribute__(value, "_Proxy__target"))
        if isinstance(value, type) and value in self.exceptions.values():
            return ("exception", value.__name__)
        if callable(value) and value is not BY_NAME.get(getattr(value, "__name__", "")):
            self.functions.append(value)
            return ("function", len(self.functions) - 1)
        return None

    def special(self, kind, content):
        if kind == "handle":
            return self.proxy(content)
        if kind == "function":
            return self.functions[content]
        if kind == "exception":
            return self.exception_class(content)
        if kind == "member":
            return self.classes[content[0]][content[1]]
        raise CannotCross(kind)
