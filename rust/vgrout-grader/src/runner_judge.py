# The judge: runs tests and never a byte of the answer, which it asks through the exchange.

import itertools as _itertools
import types as _types

# What a name stands for, whether there is something and how it is written is no question to the answer yet.
NO_QUESTION = frozenset({"name", "isinstance", "__bool__", "__str__", "__repr__", "__format__", "__dir__"})
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


class Judge(OfRaised, Side):
    """The judge's child: runs the tests, each by itself, and asks the answer's child for what it needs of it."""

    def __init__(self, zygote, namespace, graded, method, entry_point, guard):
        super().__init__(zygote, dict(namespace))
        self.exceptions = {}
        self.guard = guard
        self.graded = graded
        self.method = method
        self.entry_point = entry_point
        self.names = frozenset()
        self.functions = []
        self.errors = {}
        self.tickets = _itertools.count()
        self.forget()
        self.depth = 0
        self.gone = False
        if graded:
            # Setup code may call the graded name, too, and means the answer's.
            # A function, unless a method of it is graded.
            role, called = (AS_CLASS, graded) if method else (AS_VALUE, None)
            self.candidate = self.proxy(GRADED, ["__call__"], role=role, called=called)
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
            for index, source in tests:
                found = self.judge(index, source)
                if self.gone:
                    return
                self.bad = None
                try:
                    if self.exchange("ended", index)[0] != "ended":
                        self.refuse("an object of the answer's whose class gets other operators")
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

    def forget(self):
        """What one test made says nothing to the next."""
        self.proxies, self.rich, self.made, self.ones = {}, {GRADED: True}, set(), {}
        self.function_of, self.shared = {}, Shared(self)

    def judge(self, index, source):
        self.asked, self.raised, self.bad, self.unknown = 0, None, None, None
        self.forget()
        if self.graded:
            self.proxies[GRADED, self.candidate._Proxy__role] = self.candidate
        module = _types.ModuleType("__main__")
        scope = module.__dict__
        scope.update(self.setup)
        scope["__builtins__"] = Builtins(self)
        if self.entry_point:
            scope["candidate"] = self.candidate
        sys.modules["__main__"] = module
        failure = None
        try:
            REAL["exec"](with_identity(source, "<test>"), scope)
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

    def proxy(self, number, abilities, held=None, role=None, called=None, owner=None):
        """The one proxy of an object in a role."""
        is_rich = RICH in abilities or held is not None or not set(abilities) <= SAME_IN_ALL_ROLES
        if not self.rich.setdefault(number, is_rich):
            role, owner = AS_ANY, None
        elif role is None:
            role = AS_VALUE
        key = (number, role) if owner is None else (number, role, owner)
        if key not in self.proxies:
            base = None if held is None else type(held)
            self.proxies[key] = proxy_class(abilities, base)(self, number, role, called, owner, held)
        return self.proxies[key]

    def twins(self, objects):
        """Plain proxies in place of those that were handed over: what comes back stands for a value."""
        found = {}
        for number, value in enumerate(objects):
            if is_proxy(value) and (value._Proxy__role > AS_ANY or value._Proxy__owner is not None):
                held = None if value._Proxy__base is None else _held(value)
                found[number] = self.proxy(value._Proxy__number, value._Proxy__defined, held)
            elif is_mock(value):
                found[number] = object()  # a mock says yes to everything
        return found

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
        target = asked if operation == "name" else asked._Proxy__number
        twins = self.twins(packer.objects)
        self.depth += 1
        try:
            kind, _, changed, item, *news = self.exchange(operation, table, target, items, flat)
            if kind == "bad":
                self.refuse(str(item))
            unpacker = Unpacker(self, changed, packer.objects, twins)
            if kind == "value":
                self.admit(unpacker, item, operation, asked)
                value = unpacker.item(item)
            elif kind == "raise":
                value = self.error(unpacker, *item)
            else:
                self.refuse("no reply")
            unpacker.finish()
            self.shared.met(unpacker, *news)
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

    def admit(self, unpacker, item, operation, asked):
        """Meet what a reply is about, and nothing else in it, in the role that the test's own words give it."""
        kind, content = unpacker.table.get(item[0], (None, None)) if type(item) is tuple else (None, None)
        if kind != "handle":
            return
        known, number = {}, content[0]
        if operation == "name":
            known = {} if number == GRADED else self.role_of_name(asked, content[1])
        elif operation == "make":
            is_graded = asked._Proxy__called == (self.graded if self.method else "Solution")
            known = {"role": AS_GRADED if is_graded else AS_OWN}
            self.made |= {number} - self.rich.keys()  # and none that is known already
        elif operation in RESULTS and is_own(asked) and number not in self.rich:
            # What its operators make anew of the test's own objects is such an object.
            known = {"role": AS_OWN}
            self.made.add(number)
        elif operation == "get" and asked._Proxy__role == AS_CLASS:
            self.made |= {number} - self.rich.keys()  # a constant that the test names
        elif asked._Proxy__role == AS_OWN:
            if operation == "get":
                known = {"owner": asked._Proxy__number}
            elif (operation == "__enter__" or operation in RESULTS) and number == asked._Proxy__number:
                known = {"role": AS_OWN}
        elif operation == "call" and number == asked._Proxy__owner:
            known = {
                "role": AS_OWN
            }  # a method that returns its own object, so that calls can be strung together
        unpacker.objects[item[0]] = self.meet(unpacker, content, **known)

    @staticmethod
    def role_of_name(name, abilities):
        """Only what is written as a class's name, and can be called, is one; all capitals may be a constant."""
        if not is_class_name(name) or "__call__" not in abilities:
            return {}
        return {"role": AS_CLASS, "called": name}

    def meet(self, unpacker, content, **known):
        """The proxy of a handle."""
        number, abilities, *held = content
        if type(number) is not int or not set(map(type, abilities)) <= {str} or len(held) > 1:
            raise CannotCross("handle")
        held = unpacker.items(held)
        if not set(map(type, held)) <= set(DERIVED):
            raise CannotCross("handle")
        return self.proxy(number, abilities, *held, **known)

    def is_stand_in(self, name, value):
        return name in self.methods and callable(value)

    def refuse(self, what):
        self.bad = what
        raise BadReturn

    def call_back(self, table, number, items, flat):
        """The answer calls a function of the test's."""
        unpacker, arguments, keywords = self.unpack_call(table, items, flat)
        if number not in self.function_of.values():
            self.refuse("a function of another test")
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

    def is_setup_class(self, kind, name):
        return self.classes.get(name) is kind

    def blank(self, name):
        kind = self.classes[name]
        if issubclass(kind, _enum.Enum):
            raise CannotCross(name)
        return object.__new__(kind)

    def describe(self, packer, value):
        if is_proxy(value):
            return ("handle", value._Proxy__number)
        of_setup = self.describe_of_setup(packer, value)
        if of_setup is not None:
            return of_setup
        if may_be_called(value):
            number = self.function_of.setdefault(value, len(self.functions))
            if number == len(self.functions):
                self.functions.append(value)
            return ("function", number)
        return None

    def special(self, unpacker, kind, content):
        if kind == "handle":
            return self.meet(unpacker, content)
        if kind == "error":
            return self.unpack_error(unpacker, *content)
        if kind == "function":
            value = self.functions[content]
            if content not in self.function_of.values() or is_mock(value):
                raise CannotCross("function of another test, or a mock,")
            return value
        if kind == "exception":
            return self.exception(content)
        raise CannotCross(kind)
