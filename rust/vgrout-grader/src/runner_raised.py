# Classes of exceptions of the answer's, in the judge: what a test makes of one, or asks one for, the answer does.


class Raised(type):
    # The class of such a class.

    def __call__(cls, *arguments, **keywords):
        made = _answers_own(cls)(*arguments, **keywords)
        if not isinstance(made, BaseException):
            cls._Raised__of[0].refuse("what a class of exceptions makes is none")
        return made

    def __getattr__(cls, name):
        if is_private(name):
            raise AttributeError(name)
        value, judge = getattr(_answers_own(cls), name), cls._Raised__of[0]
        if callable(value) and name in judge.methods:
            judge.refuse(f"an exception of the answer's where a value's `{name}` is asked")
        return value


def _answers_own(kind):
    """The proxy of the class itself."""
    judge, number = kind._Raised__of
    return judge.proxy(number, [CALL, RICH], role=AS_CLASS, called=name_of(kind))


def _method(self, name):
    if is_private(name):
        raise AttributeError(name)
    value = getattr(type(self), name)
    return _functools.partial(value, self) if callable(value) else value


def raised(judge, name, bases, number, operators):
    """A class `name` below `bases` for the one of this number, of whose operators none may be asked."""

    def refusing(operator):
        return lambda *_: judge.refuse(f"`{operator}` of an exception of the answer's")

    members = {operator: refusing(operator) for operator in OF_RAISED.intersection(operators)}
    members |= {operator: None for operator in OF_RAISED if f"{LACKS}{operator}" in operators}
    members |= {"_Raised__of": (judge, number), "__str__": said, "__getattr__": _method}
    try:
        return Raised(name, bases, members)
    except TypeError:  # bases that are others here do not always go together
        return Raised(name, bases[:1], members)


class OfRaised:
    """What the judge makes of the classes of exceptions that the answer tells of; by number or name in `exceptions`."""

    def exception(self, lineage):
        kinds = []
        for record in lineage:
            kinds.append(self.known(record) if type(record) is str else self.own_exception(kinds, *record))
        return kinds[-1]

    def known(self, known):
        """The class of exceptions of a name; one that ends programs, loops or tests ends none here."""
        name, base = known, Exception
        kind = self.classes.get(known, EXCEPTIONS.get(known))
        if ":" in known:
            # A module that nobody has loaded here has no class that the test could mean.
            module, name, base = known.split(":")
            kind = vars(sys.modules.get(module, _types)).get(name)
            base = EXCEPTIONS[base]
            if module == "__main__" or module.startswith("unittest"):
                kind = None
        if is_harmless(kind):
            return kind
        bases = (base if is_harmless(base) else Exception,)
        return self.exceptions.setdefault(known, type(name, bases, {"__str__": said}))

    def own_exception(self, kinds, name, number, operators, above):
        if number not in self.exceptions:
            bases = tuple(dict.fromkeys(kinds[place] for place in above))
            self.exceptions[number] = raised(self, str(name), bases, number, operators.split(","))
        return self.exceptions[number]

    def by_name(self, name):
        """An exception that would end the test, or all tests, is no value of the answer's."""
        value = BY_NAME[name]
        if isinstance(value, type) and issubclass(value, BaseException) and not is_harmless(value):
            raise CannotCross(name)
        return value

    def number_of(self, kind):
        for number, known in self.exceptions.items():
            if known is kind:
                return number
        return None
