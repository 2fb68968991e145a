# The judge: runs tests and never a byte of the answer, which it asks through the exchange.

import ast as _ast
import types as _types

# Text of the answer's must not become code; an expression without names and calls is none.
HARMLESS = (
    _ast.Expression,
    _ast.Constant,
    _ast.BinOp,
    _ast.UnaryOp,
    _ast.BoolOp,
    _ast.Compare,
    _ast.List,
    _ast.Tuple,
    _ast.Set,
    _ast.Dict,
    _ast.operator,
    _ast.unaryop,
    _ast.boolop,
    _ast.cmpop,
    _ast.expr_context,
)
ONLY_AST = 0x400
ENDINGS = (StopIteration, StopAsyncIteration)
# They make code of names that they have checked themselves.
MAKERS = frozenset({"collections", "dataclasses"})
# Questions about a text or a set that an object of another kind could answer as it likes.
PREDICATES = frozenset(
    {"startswith", "endswith", "issubset", "issuperset", "isdisjoint"}
    | {name for name in dir(str) if name.startswith("is")}
)
# What a name stands for, whether there is something and how it is written is no question to the answer yet.
NO_QUESTION = frozenset({"name", "isinstance", "__bool__", "__str__", "__repr__"})
MOST_NAMES = 10_000
MOST_NAMES_BYTES = 1 << 20
MOST_CALLS_BACK = 100_000


class BadReturn(BaseException):
    """The answer returned what cannot cross."""


class Proxy:
    """A name or an object of the answer's, in the judge: to be called and asked for attributes, items and text.

    It has no operators: comparing is identity, whatever the answer's class makes of it.
    """

    __slots__ = ("__judge", "__result", "__target")

    def __init__(self, judge, target, result):
        object.__setattr__(self, "_Proxy__judge", judge)
        object.__setattr__(self, "_Proxy__target", target)
        object.__setattr__(self, "_Proxy__result", result)

    def __call__(self, *arguments, **keywords):
        return self.__judge.ask("call", self.__target, arguments, keywords)

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            self.__judge.touched = True
            raise AttributeError(name)
        if self.__result and name in PREDICATES:
            self.__judge.refuse(f"an object where `{name}` of a built-in type is asked")
        return self.__judge.ask("get", self.__target, (name,), {})

    def __setattr__(self, name, value):
        self.__judge.ask("set", self.__target, (name, value), {})

    def __instancecheck__(self, value):
        return self.__judge.ask("isinstance", self.__target, (value,), {}) is True


def _access(name):
    def method(self, *arguments):
        return self._Proxy__judge.ask(name, self._Proxy__target, arguments, {})

    return method


for _name in ("__getitem__", "__setitem__", "__delitem__", "__len__", "__bool__", "__str__", "__repr__"):
    setattr(Proxy, _name, _access(_name))
Proxy.__iter__ = lambda self: iter(_access("__iter__")(self))


class Builtins(dict):
    """What a test's names mean that neither it nor the setup code defines: Python's, then the answer's."""

    def __init__(self, judge):
        super().__init__(vars(_builtins))
        self.judge = judge

    def __missing__(self, name):
        return self.judge.named(name)


def is_plain(source):
    """Whether a text is an expression of constants alone: harmless, whoever wrote it."""
    if not isinstance(source, str) or len(source) > 10_000:
        return False
    try:
        tree = REAL["compile"](source.strip(), "<text>", "eval", ONLY_AST)
    except Exception:
        return False
    return all(isinstance(node, HARMLESS) for node in _ast.walk(tree))


REAL = {name: getattr(_builtins, name) for name in ("eval", "exec", "compile")}


def guard_text(judge):
    """From now on no text becomes code once the answer was asked, whoever asks for it and by whatever name."""

    def refuse(source, frame):
        if isinstance(source, _types.CodeType) or not judge.touched or is_plain(source):
            return
        if frame.f_globals.get("__name__") not in MAKERS:
            raise RuntimeError("eval, exec and compile take no text once the answer was asked: its text is not code")

    def guarded(name):
        def run(source, globals=None, locals=None, /, **options):
            frame = sys._getframe(1)
            refuse(source, frame)
            if globals is None:
                globals, locals = frame.f_globals, frame.f_locals if locals is None else locals
            return REAL[name](source, globals, globals if locals is None else locals, **options)

        return run

    def compile(source, filename, mode, flags=0, dont_inherit=True, optimize=-1, **options):
        if not flags & ONLY_AST:
            refuse(source, sys._getframe(1))
        return REAL["compile"](source, filename, mode, flags, True, optimize, **options)

    def watch(event, _arguments):
        # What unpickles or unmarshals the answer's bytes would run them; the library's own modules are kept so, too.
        if not judge.touched or event not in ("pickle.find_class", "marshal.loads", "code.__new__"):
            return
        if event != "marshal.loads" or sys._getframe(1).f_code.co_filename != "<vgrout>":
            raise RuntimeError(f"{event} is not to be had once the answer was asked: its bytes are not code")

    sys.addaudithook(watch)
    _builtins.eval, _builtins.exec, _builtins.compile = guarded("eval"), guarded("exec"), compile


class Judge(Side):
    """The judge's child: runs the tests, each by itself, and asks the answer's child for what it needs of it."""

    def __init__(self, zygote, namespace, graded, entry_point):
        super().__init__(zygote, dict(namespace))
        self.graded = graded
        self.entry_point = entry_point
        self.names = frozenset()
        self.functions = []
        self.exceptions = {}
        self.errors = []
        self.proxies = {}
        self.depth = 0
        self.touched = self.gone = self.is_made_by_test = False
        if graded:
            # Setup code may call the graded name, too, and means the answer's.
            namespace[graded] = self.proxy(graded)
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
        return frozenset(name for name in names if type(name) is str and name.isidentifier()) if is_list else frozenset()

    def judge(self, index, source):
        self.asked, self.raised, self.bad, self.unknown = 0, None, None, None
        module = _types.ModuleType("__main__")
        scope = module.__dict__
        scope.update(self.setup)
        scope["__builtins__"] = Builtins(self)
        if self.entry_point:
            scope["candidate"] = self.proxy(self.graded)
        sys.modules["__main__"] = module
        failure = None
        try:
            REAL["exec"](REAL["compile"](source, "<test>", "exec", dont_inherit=True), scope)
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
        is_datas = not self.touched and isinstance(failure, Exception) and not isinstance(failure, MemoryError)
        return (UNASKED if is_datas else FAILED), index, text

    def named(self, name):
        if name not in self.names:
            self.unknown = name
            raise KeyError(name)
        return self.ask("name", name, (), {})

    def proxy(self, target, result=False):
        if target not in self.proxies:
            self.proxies[target] = Proxy(self, target, result)
        return self.proxies[target]

    def exchange(self, operation, *rest):
        """The reply to a request. A ticket that nobody can foresee tells it from what was sent before it was asked for."""
        ticket = sys.modules["time"].perf_counter_ns()
        backs = 0
        self.touched = True
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
        self.depth += 1
        try:
            kind, _, changed, item = self.exchange(operation, table, target, items, flat)
            # Only the test's own words say what a class is: the answer would say what suits it.
            self.is_made_by_test = operation == "call" and type(target) is str and target[:1].isupper()
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
        try:
            value = function(*arguments, **keywords)
        except (Gone, BadReturn):
            raise
        except BaseException as error:
            self.errors.append(error)
            self.send("raise", {}, [*self.pack_error(error), len(self.errors) - 1])
            return
        packer = Packer(self, [unpacker.objects.get(place) for place in range(len(table))])
        try:
            item = packer.item(value)
            self.send("value", packer.finish(), item)
        except CannotCross as error:
            self.send("raise", {}, [["TypeError"], [f"a {error} cannot be handed to the answer"], [], None])

    def error(self, lineage, arguments, attributes, ticket):
        """The exception that the answer raised; one of the test's own that came through a call back is itself again."""
        if ticket is not None:
            return self.errors[ticket]
        return self.unpack_error(lineage, arguments, attributes)

    def exception(self, lineage):
        known, *below = lineage
        module, _, name = known.rpartition(":")
        kind = self.classes.get(known, EXCEPTIONS.get(known))
        if module and not module.startswith("unittest"):
            kind = vars(sys.modules[module]).get(name)
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, ENDINGS):
            # One that ends programs, loops or tests, such as KeyboardInterrupt, ends none here.
            kind = self.exceptions.setdefault(known, type(str(known), (Exception,), {}))
        for name, number in reversed(list(pairs_of(below))):
            if number not in self.exceptions:
                self.exceptions[number] = type(str(name), (kind,), {})
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
        if type(value) is Proxy:
            return ("handle", object.__getattribute__(value, "_Proxy__target"))
        if self.may_be_called(value):
            self.functions.append(value)
            return ("function", len(self.functions) - 1)
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
        if kind == "handle" and type(content[0]) is int:
            return self.proxy(content[0], bool(content[1]) and not self.is_made_by_test)
        if kind == "function":
            return self.functions[content]
        if kind == "exception":
            return self.exception(content)
        raise CannotCross(kind)
