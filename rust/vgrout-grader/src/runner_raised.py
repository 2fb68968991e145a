# Classes of exceptions of the answer's, in the judge: what a test makes of one, or asks one for, the answer does.


class Raised(type):
    # The class of such a class.

    def __call__(cls, *arguments, **keywords):
        return _answers_own(cls)(*arguments, **keywords)

    def __getattr__(cls, name):
        if is_private(name):
            raise AttributeError(name)
        return getattr(_answers_own(cls), name)


def _answers_own(kind):
    """The proxy of the class itself."""
    judge, number = kind._Raised__of
    return judge.proxy(number, [CALL, RICH], role=AS_CLASS, called=name_of(kind))


def _method(self, name):
    if is_private(name):
        raise AttributeError(name)
    value = getattr(type(self), name)
    return _functools.partial(value, self) if callable(value) else value


def raised(judge, name, kind, number, operators):
    """A class `name` below `kind` for the one of this number, of whose operators none may be asked."""

    def refusing(operator):
        return lambda *_: judge.refuse(f"`{operator}` of an exception of the answer's")

    members = {operator: refusing(operator) for operator in OF_RAISED.intersection(operators)}
    members |= {operator: None for operator in OF_RAISED if f"{LACKS}{operator}" in operators}
    members |= {"_Raised__of": (judge, number), "__str__": said, "__getattr__": _method}
    return Raised(name, (kind,), members)
