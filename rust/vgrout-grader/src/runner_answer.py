# The answer's end of the exchange with its judge.

NESTED_CALLS = 150
# Frames of one such call.
NESTED_FRAMES = 12
# The graded name's own object, on both sides.
GRADED = 0


def deeper(levels):
    """Frames of this file are not the answer's, nor the test's."""
    sys.setrecursionlimit(sys.getrecursionlimit() + levels * NESTED_FRAMES)


class Gone(BaseException):
    """The other side is gone."""


class Side:
    """What both ends share: the setup code's classes, and the sending."""

    def __init__(self, zygote, setup):
        self.zygote = zygote
        self.classes = {
            name: value
            for name, value in setup.items()
            if isinstance(value, type) and value.__module__ == "__main__" and value.__name__ == name
        }
        self.shared = Shared(self)
        # What a test asks of values and of objects of the setup's classes.
        self.methods = METHODS | methods_of(self.classes.values())

    def send(self, *message):
        if not self.zygote.send(message):
            raise Gone

    def receive(self):
        message = self.zygote.receive()
        if message is None:
            raise Gone
        return message

    def describe_of_setup(self, packer, value):
        """An object of one of the setup code's classes, or such a class of exceptions; None for anything else."""
        is_error = isinstance(value, type) and issubclass(value, BaseException)
        if is_error and not is_one_of(value, EXCEPTIONS.values()):
            return ("exception", self.lineage(value))
        if issubclass(type(value), Exception):
            return ("error", [] if packer.is_trial else self.pack_error(packer, value))
        kind = type(value)
        name = name_of(kind)
        if not self.is_setup_class(kind, name):
            return None
        if issubclass(kind, _enum.Enum):
            return ("member", [name, packer.item(value._value_)])
        if issubclass(kind, tuple):
            return ("record", [name, *packer.items(tuple.__iter__(value))])
        return None if issubclass(kind, BASES) else packer.attributes(value, name)

    def lineage(self, kind):
        """A class of exceptions and all above it, bases first.

        One that both sides know is its name; another is name, number, operators and the places of its bases in the list.
        """
        records, places = [], {}

        def place_of(base):
            if id(base) not in places:
                record = self.known_name(base)
                if record is None:
                    above = [place_of(each) for each in base.__bases__ if issubclass(each, BaseException)]
                    number = self.number_of(base)
                    if number is None:  # the test's own, as the first of what it is
                        return above[0]
                    record = [name_of(base), number, operators_of_exception(base), above]
                places[id(base)] = len(records)
                records.append(record)
            return places[id(base)]

        last = place_of(kind)
        return records[: last + 1]

    def known_name(self, kind):
        """By which name the other side knows a class of exceptions; None where it does not."""
        name = name_of(kind)
        if is_one_of(kind, EXCEPTIONS.values()) or self.classes.get(name) is kind:
            return name
        module = sys.modules.get(str(kind.__module__))
        if kind.__module__ != "__main__" and getattr(module, name, None) is kind:
            return f"{kind.__module__}:{name}:{name_of(built_in(kind))}"
        return None

    def pack_call(self, arguments, keywords):
        packer = Packer(self)
        items = packer.items(arguments)
        return packer, items, packer.pairs(keywords.items())

    def unpack_call(self, table, items, flat):
        unpacker = Unpacker(self, table)
        arguments = unpacker.items(items)
        keywords = dict(pairs_of(unpacker.items(flat)))
        unpacker.finish()
        return unpacker, arguments, keywords

    def pack_error(self, packer, error):
        """What an exception says: its class, its arguments and attributes as far as they cross, and its text."""
        text = describe(error)[len(name_of(type(error))) + 2 :]
        arguments = error.args if all(map(self.crosses, error.args)) else [text]
        if isinstance(error, BaseExceptionGroup):
            arguments = [error.message, tuple(error.exceptions)]
        said = [pair for pair in attributes_of(error) if self.crosses(pair[1])]
        return [self.lineage(type(error)), packer.items(arguments), packer.pairs(said), text]

    def crosses(self, value):
        try:
            packer = Packer(self, is_trial=True)
            packer.item(value)
            packer.finish()
        except Exception:
            return False
        return True

    def by_name(self, name):
        """What a name of the language stands for."""
        return BY_NAME[name]

    def is_stand_in(self, name, value):
        """Whether an attribute is there for a method that a test asks of values: the judge says."""
        return False

    def is_plain_object(self, value):
        """Whether attributes make an object: none of an enumeration's members, which all tests share."""
        kind = type(value)
        return self.is_setup_class(kind, kind.__name__) and not issubclass(kind, _enum.Enum)

    def unpack_error(self, unpacker, lineage, arguments, attributes, text):
        kind = self.exception(lineage)
        arguments, attributes = unpacker.items(arguments), unpacker.items(attributes)
        # What OSError makes of its arguments, it makes before `__init__`; the others while they are initialised.
        error = kind.__new__(kind, *arguments)
        try:
            built_in(kind).__init__(error, *arguments)
        except (TypeError, ValueError):
            pass  # a class of its own takes what it likes
        error.args = tuple(arguments)
        for name, value in pairs_of(attributes):
            if name == CAUSE and issubclass(type(value), BaseException):
                error.__cause__ = value
            elif name in members_of(error):
                set_member(error, name, value)
            elif not (is_private(name) or is_made_by_class(kind, name) or self.is_stand_in(name, value)):
                error.__dict__[name] = value
        if type(text) is str and kind.__str__ is said:
            error.__dict__[SAID] = text
        return error


class AnswerSide(Side):
    """The answer's child: serves the judge's requests, one at a time, calls back where it is asked to."""

    def __init__(self, run, setup, sentinel):
        super().__init__(run.zygote, setup)
        self.run = run
        self.namespace = run.namespace
        self.sentinel = sentinel
        self.flags = []
        self.callers = {}
        self.made = ()
        self.handles = [None]
        self.told = []
        self.handle_of = {}
        self.graded = run.graded
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
            deeper(1)
            try:
                self.answer(*message)
            finally:
                deeper(-1)

    def answer(self, operation, ticket, *rest):
        if operation == "ended":
            if self.sentinel is not None:
                flags, self.flags = self.flags, []
                self.run.record(SENTINEL, rest[0], "1" if flags and all(flags) else "0")
            kind = "ended" if all(map(is_as_told, self.told)) else "changed"
            # What one test made says nothing to the next.
            self.handle_of, self.told, self.made, self.shared = {}, [], (), Shared(self)
            return self.send(kind, ticket)
        table, target, items, flat = rest
        unpacker = None
        try:
            unpacker, arguments, keywords = self.unpack_call(table, items, flat)
            outcome = [self.perform(operation, self.resolve(target), arguments, keywords)]
            arguments.clear()
            keywords.clear()
        except SystemExit as error:
            self.run.stop_at_exit(MODULE_LEVEL - 1, error)
        except Gone:
            raise
        except BaseException as error:
            self.reply(ticket, table, unpacker, "raise", [error])
        else:
            self.reply(ticket, table, unpacker, "value", outcome)
        return None

    def reply(self, ticket, table, unpacker, kind, outcome):
        """The outcome, those arguments that are no longer what they were, and what is kept of all these."""
        objects = {} if unpacker is None else unpacker.objects
        packer = Packer(self, [objects.get(number, unpacker) for number in range(len(table))])
        try:
            if kind == "raise":
                item = [*self.pack_error(packer, outcome[0]), getattr(outcome[0], "_judge_ticket", None)]
            else:
                item = packer.item(outcome.pop())
            for number, before in table.items():
                if before[0] in CHANGEABLE and 0 <= number in objects:
                    after = packer.describe(objects[number])
                    if not is_same(before, after):
                        packer.table[number] = after
            packer.finish()
            objects.clear()
            # The trace of an exception holds all that the call had.
            kept = self.shared.keep(packer.objects) if kind == "value" else ([], [])
            self.send(kind, ticket, packer.table, item, *kept)
        except Gone:
            raise
        except (CannotCross, ValueError, RecursionError, MemoryError) as error:
            self.send(
                "bad", ticket, {}, str(error)[:200] if type(error) is CannotCross else describe(error)[:200]
            )
        except BaseException as error:
            # A generator raises when it is drawn.
            packer = Packer(self)
            item = [*self.pack_error(packer, error), None]
            self.send("raise", ticket, packer.finish(), item, [], [])

    def resolve(self, target):
        """The object of a number or a name; the graded name's is what stands there now."""
        if target != GRADED and type(target) is int:
            return self.handles[target]
        name = self.graded if target == GRADED else target
        try:
            return self.namespace[name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def perform(self, operation, target, arguments, keywords):
        if operation in ("call", "make"):
            value = target(*arguments, **keywords)
            self.look_for_sentinel(target)
            if operation == "make" and isinstance(target, type) and type(value) is target:
                self.made = (value,)
            return value
        if operation == "data":
            return next(held(target, base) for base in DERIVED if isinstance(target, base))
        if operation == "get":
            value = getattr(target, arguments[0])
            self.meet_members(target, [value])
            return value
        if operation == "del":
            return delattr(target, *arguments)
        if operation == "set":
            return setattr(target, *arguments)
        if operation == "isinstance":
            return isinstance(arguments[0], target)
        if operation == "issubclass":
            return issubclass(arguments[0], target)
        if operation in OPERATIONS:
            value = OPERATIONS[operation](target, *arguments)
            if operation in COPIES and type(value) is type(target):
                self.made = (value,)
            self.meet_members(target, value if type(value) is list else [value])
            return value
        return target

    def meet_members(self, target, values):
        """Members that a test takes from their class are objects of it, and no data."""
        if isinstance(target, _enum.EnumType):
            self.made = [value for value in values if isinstance(value, target)]

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
        given = self.classes.get(name)
        # The answer may write the class anew, as long as both are plain ones.
        is_anew = kind is self.namespace.get(name) and not issubclass(kind, BASES)
        return given is not None and (kind is given or (is_anew and not issubclass(given, BASES)))

    def blank(self, name):
        kind = self.namespace.get(name)
        return object.__new__(kind if isinstance(kind, type) else self.classes[name])

    def number_of(self, value):
        if value is self.namespace.get(self.graded, self):
            return GRADED
        if id(value) not in self.handle_of:
            self.handle_of[id(value)] = len(self.handles)
            self.handles.append(value)
        return self.handle_of[id(value)]

    def describe(self, packer, value):
        of_setup = self.describe_of_setup(packer, value)
        if of_setup is not None:
            return of_setup
        kind = type(value)
        is_based = issubclass(kind, BASES) and not isinstance(value, type)
        # One that the test makes by the class's name is an object of that class; what a function returns is data.
        if is_based and id(value) not in self.handle_of and not any(value is made for made in self.made):
            return None
        if kind.__module__ == "__main__" or kind is object or callable(value):
            able = defined_by(value)
            if id(value) not in self.handle_of:
                self.told.append((value, able[:]))
            number = self.number_of(value)
            if self.is_rich(value):
                able.append(RICH)
            base = next((base for base in DERIVED if is_based and issubclass(kind, base)), None)
            return ("handle", [number, able, *([packer.item(held(value, base))] if base else [])])
        return None

    def is_rich(self, value):
        """Whether an object has anything that a value could be asked for, beside what the judge tells from its operators."""
        kind = type(value)
        if callable(value):
            return True
        # A field that holds data is none of a value's methods, whatever its name.
        parts = [vars(base) for base in kind.__mro__] + [getattr(value, "__dict__", {})]
        if any("__getattr__" in part for part in parts):
            return True
        names = {
            name
            for part in parts
            for name, each in part.items()
            if callable(each) or type(each) is classmethod
        }
        return not self.methods.isdisjoint(names)

    def special(self, unpacker, kind, content):
        if kind == "handle":
            return self.resolve(content)
        if kind == "error":
            return self.unpack_error(unpacker, *content)
        if kind == "function":
            # The same function twice is one object here, too: it may be looked for.
            if content not in self.callers:
                self.callers[content] = self.caller(content)
            return self.callers[content]
        if kind == "exception":
            return self.exception(content)
        raise CannotCross(kind)

    def exception(self, lineage):
        last = lineage[-1]
        if type(last) is list:
            return self.resolve(last[1])
        return self.classes.get(last, EXCEPTIONS.get(last, Exception))

    def caller(self, number):
        """A function of the test's, as the answer may call it."""

        def function(*arguments, **keywords):
            packer, items, flat = self.pack_call(arguments, keywords)
            self.send("back", packer.finish(), number, items, flat)
            kind, table, item = self.wait()
            unpacker = Unpacker(self, table, packer.objects)
            value = unpacker.item(item) if kind == "value" else self.unpack_error(unpacker, *item[:4])
            unpacker.finish()
            if kind == "raise":
                value._judge_ticket = item[4]
                raise value
            return value

        return function
