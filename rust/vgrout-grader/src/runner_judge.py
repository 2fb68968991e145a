# The judge: runs tests and never a byte of the answer, which it asks through the exchange.

import itertools as _itertools
import re as _re
import types as _types

ENDINGS = (StopIteration, StopAsyncIteration)
# What a test asks of a value of these types, and an object in its place could answer as it likes, or learn from.
METHODS = frozenset(
    name
    for kind in (*BASES, *LIBRARY, complex, range, _re.Pattern, _re.Match)
    for name in dir(kind)
    if not name.startswith("_") and callable(getattr(kind, name))
)
# What a name stands for, whether there is something and how it is written is no question to the answer yet.
NO_QUESTION = frozenset({"name", "isinstance", "__bool__", "__str__", "__repr__"})
MOST_NAMES = 10_000
MOST_NAMES_BYTES = 1 << 20
MOST_CALLS_BACK = 100_000


class BadReturn(BaseException):
    """The answer returned what cannot cross."""


class Proxy:
    """A name or an object of the answer's, in the judge: to be asked for attributes and text, and for what its class can.

    It has no operators: comparing is identity, whatever the answer's class makes of it.
    """

    __slots__ = ("__allowed", "__judge", "__target")

    def __init__(self, judge, target, allowed):
        object.__setattr__(self, "_Proxy__judge", judge)
        object.__setattr__(self, "_Proxy__target", target)
        object.__setattr__(self, "_Proxy__allowed", allowed)

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            self.__judge.touched = True
            raise AttributeError(name)
        if name in self.__judge.methods and self.__allowed is not None and name not in self.__allowed:
            self.__judge.refuse(f"an object of the answer's where `{name}` of a built-in type is asked")
        return self.__judge.ask("get", self.__target, (name,), {})

    def __setattr__(self, name, value):
        self.__judge.ask("set", self.__target, (name, value), {})

    def __instancecheck__(self, value):
        # Nothing but the answer's own objects can be of its classes, and what else is asked about may be what is expected.
        return is_proxy(value) and self.__judge.ask("isinstance", self.__target, (value,), {}) is True


def is_proxy(value):
    return issubclass(type(value), Proxy)


def _access(name):
    def method(self, *arguments):
        return self._Proxy__judge.ask(name, self._Proxy__target, arguments, {})

    return method


def _call(self, *arguments, **keywords):
    return self._Proxy__judge.ask("call", self._Proxy__target, arguments, keywords)


def _equals(self, other):
    """As what both hold, read by the built-in class that the answer's derives from."""
    held = _access("data")
    return self is other or held(self) == (held(other) if is_proxy(other) else other)


def _hash(self):
    return hash(_access("data")(self))


for _name in ("__bool__", "__str__", "__repr__"):
    setattr(Proxy, _name, _access(_name))
# What only some objects can, by the method that does it.
ABILITIES = {name: _access(name) for name in ("__getitem__", "__setitem__", "__delitem__", "__len__")} | {
    "__call__": _call,
    "__iter__": lambda self: iter(_access("__iter__")(self)),
    "__eq__": _equals,
}
PROXIES = {}


def proxy_class(abilities):
    """The class of proxies for objects with these abilities."""
    abilities = frozenset(ABILITIES.keys() & set(abilities))
    if abilities not in PROXIES:
        members = {"__slots__": (), "__hash__": _hash if "__eq__" in abilities else object.__hash__} | {
            name: ABILITIES[name] for name in abilities
        }
        PROXIES[abilities] = type("Proxy", (Proxy,), members)
    return PROXIES[abilities]


def is_class_name(target):
    return type(target) is str and target[:1].isupper()


class Builtins(dict):
    """What a test's names mean that neither it nor the setup code defines: Python's, then the answer's."""

    def __init__(self, judge):
        super().__init__(vars(_builtins))
        self.judge = judge

    def __missing__(self, name):
        return self.judge.named(name)


class Judge(Side):
    """The judge's child: runs the tests, each by itself, and asks the answer's child for what it needs of it."""

    def __init__(self, zygote, namespace, graded, method, entry_point):
        super().__init__(zygote, dict(namespace))
        self.graded = graded
        self.method = method
        self.entry_point = entry_point
        self.names = frozenset()
        self.functions = []
        # What a test asks of an object of the setup's classes, one of the answer's could answer as it likes, too.
        self.methods = METHODS | {
            name
            for kind in self.classes.values()
            for name in dir(kind)
            if not name.startswith("_") and callable(getattr(kind, name, None))
        }
        self.function_of = {}
        self.exceptions = {}
        self.errors = {}
        self.tickets = _itertools.count()
        self.proxies = {}
        self.depth = 0
        self.touched = self.gone = False
        self.made_of = self.of_name = None
        if graded:
            # Setup code may call the graded name, too, and means the answer's.
            namespace[graded] = self.proxy(graded, ["__call__"])
        self.setup = dict(namespace)

    def run(self, tests):
        try:
            message = self.zygote.receive(MOST_NAMES_BYTES)
            if message is None:
                return
            self.names = self.checked_names(message[1])
            guard_text(self)
            for index, source in tests:
                found = self.judge(index, source)
                if self.gone:
                    return
                self.bad = None
                try:
                    self.exchange("ended", index)
                except BadReturn:
                    found = BAD_TYPE, index, self.bad
                self.zygote.record(*found)
        except Gone:
            pass

    @staticmethod
    def checked_names(names):
        is_list = type(names) is list and len(names) <= MOST_NAMES
        return (
            frozenset(name for name in names if type(name) is str and name.isidentifier())
            if is_list
            else frozenset()
        )

    def judge(self, index, source):
        self.asked, self.raised, self.bad, self.unknown = 0, None, None, None
        module = _types.ModuleType("__main__")
        scope = module.__dict__
        scope.update(self.setup)
        scope["__builtins__"] = Builtins(self)
        if self.entry_point:
            scope["candidate"] = self.proxy(self.graded, ["__call__"])
        sys.modules["__main__"] = module
        failure = None
        try:
            REAL["exec"](REAL["compile"](source, "<test>", "exec", dont_inherit=True), scope)
            check = scope.get("check")
            if (
                not self.asked
                and self.graded
                and type(check) is _types.FunctionType
                and check.__code__.co_filename == "<test>"
            ):
                check(self.proxy(self.graded, ["__call__"]))
        except (Gone, BadReturn):
            pass
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
        # What fails once the answer had any say is a failed test; a lack of memory is nobody's fault for sure.
        is_out_of_reach = not self.touched and self.unknown is None
        is_datas = is_out_of_reach and isinstance(failure, Exception) and not isinstance(failure, MemoryError)
        return (UNASKED if is_datas else FAILED), index, text

    def named(self, name):
        if name not in self.names:
            self.unknown = name
            raise KeyError(name)
        self.of_name = name
        try:
            return self.ask("name", name, (), {})
        finally:
            self.of_name = None

    def proxy(self, target, abilities):
        """The one proxy of an object; what a test may ask of it besides its attributes depends on whose it is."""
        if target not in self.proxies:
            allowed = frozenset()
            if self.made_of or is_class_name(target):
                # Only the test's own words say what a class is: the answer would say what suits it.
                allowed = (
                    frozenset({self.method}) if self.method and "Solution" in (self.made_of, target) else None
                )
            if allowed is not None:
                # Length, items and order of what is no value need not agree with each other.
                abilities = [name for name in abilities if name in ("__call__", "__eq__")]
            self.proxies[target] = proxy_class(abilities)(self, target, allowed)
        return self.proxies[target]

    def exchange(self, operation, *rest):
        """The reply to a request. A ticket that nobody can foresee tells it from what was sent before it was asked for."""
        ticket = sys.modules["time"].perf_counter_ns()
        backs = 0
        self.touched = True
        self.made_of = None
        try:
            self.send(operation, ticket, *rest)
            while True:
                message = self.receive()
                if message[0] != "back":
                    break
                backs += 1
                if backs > MOST_CALLS_BACK:
                    self.refuse("too many calls back")
                self.call_back(*message[1:])
            if message[1] != ticket:
                self.refuse("a reply to no request")
        except Gone:
            self.gone = True
            raise
        return message

    def ask(self, operation, target, arguments, keywords):
        if self.gone:
            raise Gone
        if self.bad is not None:
            raise BadReturn
        if self.depth >= NESTED_CALLS:
            raise RecursionError("calls of the answer and calls back nest too deep")
        packer, items, flat = self.pack_call(arguments, keywords)
        try:
            table = packer.finish()
        except CannotCross as error:
            raise TypeError(f"a {error} cannot be handed to the answer") from None
        if not self.depth:
            self.errors.clear()  # what a call back raised may pass through this call, not through a later one
        self.depth += 1
        try:
            kind, _, changed, item = self.exchange(operation, table, target, items, flat)
            self.made_of = target if operation == "call" and is_class_name(target) else None
            if kind == "bad":
                self.refuse(str(item))
            unpacker = Unpacker(self, changed, packer.objects)
            value = unpacker.item(item) if kind == "value" else self.error(*item)
            unpacker.finish()
        except (Gone, BadReturn):
            raise
        except BaseException as error:  # bytes that are no message: the answer wrote them itself
            self.refuse(describe(error))
        finally:
            self.depth -= 1
        self.asked += operation not in NO_QUESTION
        if kind == "raise":
            self.raised = value
            raise value
        return value

    def refuse(self, what):
        self.bad = what
        raise BadReturn

    def call_back(self, table, number, items, flat):
        """The answer calls a function of the test's."""
        unpacker, arguments, keywords = self.unpack_call(table, items, flat)
        function = self.functions[number]
        deeper(1)
        try:
            value = function(*arguments, **keywords)
        except (Gone, BadReturn):
            raise
        except BaseException as error:
            ticket = next(self.tickets)
            self.errors[ticket] = error
            self.send("raise", {}, [*self.pack_error(error), ticket])
            return
        finally:
            deeper(-1)
        packer = Packer(self, [unpacker.objects.get(place) for place in range(len(table))])
        try:
            item = packer.item(value)
            self.send("value", packer.finish(), item)
        except CannotCross as error:
            self.send(
                "raise", {}, [["TypeError"], [f"a {error} cannot be handed to the answer"], [], "", None]
            )

    def error(self, lineage, arguments, attributes, text, ticket):
        """The exception that the answer raised; one of the test's own that comes through a call back is itself again."""
        if ticket in self.errors:
            return self.errors[ticket]
        return self.unpack_error(lineage, arguments, attributes, text)

    def exception(self, lineage):
        known, *below = lineage
        module, _, name = known.rpartition(":")
        kind = self.classes.get(known, EXCEPTIONS.get(known))
        if module and module != "__main__" and not module.startswith("unittest"):
            kind = vars(sys.modules[module]).get(name)
        skip = vars(sys.modules.get("unittest.case", _types)).get("SkipTest", ())
        if isinstance(kind, type) and issubclass(kind, skip):
            kind = None
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, ENDINGS):
            # One that ends programs, loops or tests, such as KeyboardInterrupt, ends none here.
            kind = self.exceptions.setdefault(known, type(str(known), (Exception,), {"__str__": said}))
        for name, number in reversed(list(pairs_of(below))):
            if number not in self.exceptions:
                self.exceptions[number] = type(str(name), (kind,), {"__str__": said})
            kind = self.exceptions[number]
        return kind

    def is_setup_class(self, kind, name):
        return self.classes.get(name) is kind

    def blank(self, name):
        return object.__new__(self.classes[name])

    def number_of(self, kind):
        for number, known in self.exceptions.items():
            if known is kind:
                return number
        return None

    def describe(self, packer, value):
        of_setup = self.describe_of_setup(packer, value)
        if of_setup is not None:
            return of_setup
        if is_proxy(value):
            return ("handle", object.__getattribute__(value, "_Proxy__target"))
        if self.may_be_called(value):
            number = self.function_of.setdefault(value, len(self.functions))
            if number == len(self.functions):
                self.functions.append(value)
            return ("function", number)
        return None

    def may_be_called(self, value):
        """Functions, methods and classes that the test or its setup wrote, and what is made of them."""
        kind = type(value)
        if kind is sys.modules["functools"].partial:
            return self.may_be_called(value.func) or id(value.func) in NAMES
        if kind is _types.MethodType or kind is type:
            return getattr(value, "__module__", "") == "__main__"
        if kind is type(len):
            return type(value.__self__) in (list, set, dict, _collections.deque)
        is_getter = kind.__module__ == "operator" and kind is not _operator.methodcaller
        return kind is _types.FunctionType or (is_getter and callable(value))

    def special(self, kind, content):
        if kind == "handle" and type(content[0]) is int and set(map(type, content[1])) <= {str}:
            # A name's object is known by its name, so that the test's calls of it say what they make.
            return self.proxy(content[0] if self.of_name is None else self.of_name, content[1])
        if kind == "function":
            return self.functions[content]
        if kind == "exception":
            return self.exception(content)
        raise CannotCross(kind)
