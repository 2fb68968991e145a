# The graded function or method for a while in the place of a stub: does the answer's own test function notice?


def stub(*arguments, **keywords):
    return 0


def functions_of(value):
    """The functions of Python's own behind a method, a wrapper or a partial."""
    found, waiting = [], [value]
    while waiting and len(found) < 100:
        each = waiting.pop()
        if type(each) is type(stub) and not any(each is known for known in found):
            found.append(each)
        for name in ("__func__", "__wrapped__", "func"):
            try:
                inner = getattr(each, name)
            except BaseException:
                continue
            if not any(inner is known for known in [*found, *waiting, each]):
                waiting.append(inner)
    return found


class stubbed:
    """While entered, the graded function or method returns 0, whatever the answer made of it; gives whether that is so.

    Aliases, bound methods and partials that the answer has taken before call the stub as well: it is the functions'
    own code that is replaced.
    """

    def __init__(self, namespace, graded, method):
        self.namespace, self.method = namespace, method
        self.name = "Solution" if method else graded
        self.owner = namespace.get(self.name)
        self.codes = []
        self.own = None

    def __enter__(self):
        if not self.name:
            return False
        if not self.method:
            self.replace_code(self.owner)
            self.namespace[self.name] = stub
            return True
        if not isinstance(self.owner, type):
            # No class, or a function that makes one: nothing of the answer's is left of it.
            self.namespace["Solution"] = type("Solution", (), {self.method: stub})
            return True
        return self.stub_method()

    def stub_method(self):
        method, solution = self.method, self.owner
        try:
            self.replace_code(getattr(solution, method, None))
        except BaseException:
            return False
        try:
            self.own = (type.__dict__["__dict__"].__get__(solution)[method],)
        except KeyError:
            self.own = ()
        try:
            type.__setattr__(solution, method, stub)
        except BaseException:
            return False

        def find(instance, name):
            return stub if name == method else solution.__getattribute__(instance, name)

        try:
            self.namespace["Solution"] = type(solution)("Solution", (solution,), {"__getattribute__": find})
        except BaseException:
            pass
        return True

    def replace_code(self, value):
        forget(value)
        for function in functions_of(value):
            self.codes.append((function, function.__code__))
            function.__code__ = stub.__code__.replace(co_freevars=function.__code__.co_freevars)

    def __exit__(self, kind, error, trace):
        if self.owner is None:
            self.namespace.pop(self.name, None)
        else:
            self.namespace[self.name] = self.owner
        try:
            if self.own:
                type.__setattr__(self.owner, self.method, self.own[0])
            elif self.own is not None:
                type.__delattr__(self.owner, self.method)
        except BaseException:
            pass
        for function, code in self.codes:
            function.__code__ = code
        forget(getattr(self.owner, self.method, None) if self.method else self.owner)


def forget(value):
    """What a cache has kept is not the function's word now."""
    try:
        value.cache_clear()
    except BaseException:
        pass
