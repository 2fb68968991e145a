# The judge: runs tests and never a byte of the answer, which it asks through the exchange.

import itertools as _itertools
import types as _types

ENDINGS = (StopIteration, StopAsyncIteration)
# What a name stands for, whether there is something and how it is written is no question to the answer yet.
NO_QUESTION = frozenset({"name", "isinstance", "issubclass", "__bool__", "__str__", "__repr__"})
# What the graded class makes, and its methods: no words of a test's.
GRADED_OBJECT, GRADED_METHOD = "an object of the graded class", "a method of it"
MOST_NAMES = 10_000
MOST_NAMES_BYTES = 1 << 20
MOST_CALLS_BACK = 100_000


class BadReturn(BaseException):
    """The answer returned what cannot cross."""


class Builtins(dict):
    """What a test's names mean that neither it nor the setup code defines: Python's, then the answer's."""

    def __init__(self, judge):
        super().__init__(vars(_builtins))
        self.judge = judge

    def __missing__(self, name):
        return self.judge.named(name)


def is_harmless(kind):
    """Whether a class of exceptions ends no program, loop or test of the judge's."""
    case = sys.modules.get("unittest.case")
    endings = ENDINGS if case is None else (*ENDINGS, case.SkipTest)
    return isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, endings)


class Judge(Side):
    """The judge's child: runs the tests, each by itself, and asks the answer's child for what it needs of it."""

    def __init__(self, zygote, namespace, graded, method, entry_point, guard):
        super().__init__(zygote, dict(namespace))
        self.guard = guard
        self.graded = graded
        self.method = method
        self.entry_point = entry_point
        self.names = frozenset()
        self.functions = []
        self.methods = METHODS | methods_of(self.classes.values())
        self.function_of = {}
        self.exceptions = {}
        self.errors = {}
        self.tickets = _itertools.count()
        self.proxies = {}
        self.depth = 0
        self.gone = False
        if graded:
            # Setup code may call the graded name, too, and means the answer's.
            called = graded if method else None  # a function, unless a method of it is graded
            self.candidate = self.proxy(GRADED, ["__call__"], called=called)
            namespace[graded] = self.candidate
        self.setup = dict(namespace)

    @property
    def touched(self):
        """Whether the answer had any say yet."""
        return self.guard.touched

    @touched.setter
    def touched(self, value):
        self.guard.touched = value

    def run(self, tests):
        try:
            self.names = self.checked_names(self.zygote.receive(MOST_NAMES_BYTES))
            self.guard.foreign = self.names
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
    def checked_names(message):
        """The names of the answer's first message; none from one that is no such message."""
        if message is None:
            raise Gone
        names = message[-1] if type(message) is tuple and message else None
        is_list = type(names) is list and len(names) <= MOST_NAMES
        return (
            frozenset(name for name in names if type(name) is str and name.isidentifier())
            if is_list
            else frozenset()
        )

    def judge(self, index, source):
        self.asked, self.raised, self.bad, self.unknown = 0, None, None, None
        # What one test made says nothing to the next.
        self.proxies = {GRADED: self.candidate} if self.graded else {}
        module = _types.ModuleType("__main__")
        scope = module.__dict__
        scope.update(self.setup)
        scope["__builtins__"] = Builtins(self)
        if self.entry_point:
            scope["candidate"] = self.candidate
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
                check(self.candidate)
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
        return self.ask("name", name, (), {})

    def proxy(self, number, abilities, held=None, is_own=False, called=None):
        """The one proxy of an object; one that the test itself made may be asked for all that its class can."""
        if number not in self.proxies:
            abilities = abilities if is_own else OF_ANY & set(abilities)
            allowed = None if is_own else frozenset()
            self.proxies[number] = proxy_class(abilities)(self, number, called, allowed, held)
        known = self.proxies[number]
        if known._Proxy__called is None and number != GRADED:
            object.__setattr__(known, "_Proxy__called", called)
        return known

    def exchange(self, operation, *rest):
        """The reply to a request. A ticket that nobody can foresee tells it from what was sent before it was asked for."""
        ticket = sys.modules["time"].perf_counter_ns()
        backs = 0
        self.touched = True
        try:
            self.send(operation, ticket, *rest)
            while True:
                message = self.receive()
                if message[0] != "back" or operation == "ended":
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
        except BadReturn:
            raise
        except BaseException as error:  # bytes that are no message: the answer wrote them itself
            self.refuse(describe(error))
        return message

    def ask(self, operation, asked, arguments, keywords):
        """What the answer's child says of an object, or of a name."""
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
        is_name = operation == "name"
        target, called = (asked, asked) if is_name else (asked._Proxy__number, asked._Proxy__called)
        self.depth += 1
        try:
            kind, _, changed, item = self.exchange(operation, table, target, items, flat)
            if kind == "bad":
                self.refuse(str(item))
            unpacker = Unpacker(self, changed, packer.objects)
            if kind == "value":
                self.admit(unpacker, item, operation, called)
                value = unpacker.item(item)
            elif kind == "raise":
                value = self.error(unpacker, *item)
            else:
                self.refuse("no reply")
            unpacker.finish()
            if operation == "call" and (called is not None or target == GRADED):
                self.take_back(unpacker, item)
        except (Gone, BadReturn):
            raise
        except BaseException as error:  # a message that means nothing
            self.refuse(describe(error))
        finally:
            self.depth -= 1
        self.asked += operation not in NO_QUESTION
        if kind == "raise":
            self.raised = value
            raise value
        return value

    def admit(self, unpacker, item, operation, called):
        """Meet what a reply is about, and nothing else in it, as what the test's own words made of it."""
        kind, content = unpacker.table.get(item[0], (None, None)) if type(item) is tuple else (None, None)
        if kind != "handle":
            return
        is_graded = called in (self.graded if self.method else "Solution", GRADED_OBJECT)
        if operation == "name":
            # One that is all capitals may be a constant.
            is_own = is_class_name(called) and not called.isupper()
            self.meet(unpacker, content, is_own=is_own, called=called)
        elif operation == "make":
            self.meet(unpacker, content, is_own=True, called=GRADED_OBJECT if is_graded else None)
        elif operation == "get" and is_graded:
            self.meet(unpacker, content, called=GRADED_METHOD)

    def meet(self, unpacker, content, **known):
        """The proxy of a handle."""
        number, abilities, *held = content
        if type(number) is not int or not set(map(type, abilities)) <= {str} or len(held) > 1:
            raise CannotCross("handle")
        if not held:
            abilities = set(abilities) - {"data"}
        return self.proxy(number, abilities, *unpacker.items(held), **known)

    def take_back(self, unpacker, item):
        """What a function returned stands for a value, even where the test had made the object itself."""
        parts = [
            [item],
            *(item if type(item) is list else ()),
            *(content for _, content in unpacker.table.values()),
        ]
        references = {each for part in parts if type(part) is list for each in part if type(each) is tuple}
        for (number,) in references:
            value = unpacker.objects.get(number)
            if is_proxy(value) and value._Proxy__allowed is None:
                restrict(value, _held(value) if is_based(value) else None)

    def is_stand_in(self, name, value):
        return name in self.methods and (is_proxy(value) or id(value) in NAMES)

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
            packer = Packer(self)
            item = [*self.pack_error(packer, error), ticket]
            self.send("raise", packer.finish(), item)
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

    def error(self, unpacker, lineage, arguments, attributes, text, ticket):
        """The exception that the answer raised; one of the test's own that comes through a call back is itself again."""
        if ticket in self.errors:
            return self.errors[ticket]
        return self.unpack_error(unpacker, lineage, arguments, attributes, text)

    def exception(self, lineage):
        known, *below = lineage
        name, base = known, Exception
        kind = self.classes.get(known, EXCEPTIONS.get(known))
        if ":" in known:
            # A module that nobody has loaded here has no class that the test could mean.
            module, name, base = known.split(":")
            kind = vars(sys.modules.get(module, _types)).get(name)
            base = EXCEPTIONS[base]
            if module == "__main__" or module.startswith("unittest"):
                kind = None
        if not is_harmless(kind):
            # One that ends programs, loops or tests, such as KeyboardInterrupt, ends none here.
            bases = (base if is_harmless(base) else Exception,)
            kind = self.exceptions.setdefault(known, type(name, bases, {"__str__": said}))
        for name, number in reversed(list(pairs_of(below))):
            if number not in self.exceptions:
                self.exceptions[number] = type(str(name), (kind,), {"__str__": said})
            kind = self.exceptions[number]
        return kind

    def is_setup_class(self, kind, name):
        return self.classes.get(name) is kind

    def blank(self, name):
        kind = self.classes[name]
        if issubclass(kind, _enum.Enum):
            raise CannotCross(name)
        return object.__new__(kind)

    def number_of(self, kind):
        for number, known in self.exceptions.items():
            if known is kind:
                return number
        return None

    def describe(self, packer, value):
        if is_proxy(value):
            return ("handle", value._Proxy__number)
        of_setup = self.describe_of_setup(packer, value)
        if of_setup is not None:
            return of_setup
        if self.may_be_called(value):
            number = self.function_of.setdefault(value, len(self.functions))
            if number == len(self.functions):
                self.functions.append(value)
            return ("function", number)
        return None

    def may_be_called(self, value):
        """Functions, methods and classes that the test or its setup wrote, and what is made of them."""
        kind = type(value)
        if kind.__module__ == "unittest.mock" or getattr(value, "__module__", None) == "time":
            return callable(value)
        if kind is sys.modules["functools"].partial:
            return self.may_be_called(value.func) or id(value.func) in NAMES
        if kind is _types.MethodType or kind is type:
            return getattr(value, "__module__", "") == "__main__"
        if kind is type(len):
            return type(value.__self__) in (list, set, dict, _collections.deque)
        is_getter = kind.__module__ == "operator" and kind is not _operator.methodcaller
        return kind is _types.FunctionType or (is_getter and callable(value))

    def special(self, unpacker, kind, content):
        if kind == "handle":
            return self.meet(unpacker, content)
        if kind == "error":
            return self.unpack_error(unpacker, *content)
        if kind == "function":
            return self.functions[content]
        if kind == "exception":
            return self.exception(content)
        raise CannotCross(kind)
