# Which of the answer's objects is which, in the judge: one object may have two proxies, and Python's `is` cannot be told.

import re as _re

# Names that no source can have.
ONE, TYPE, CLASS = "<one>", "<type>", "<class>"
OF_UNITTEST = ("assertIs", "assertIsNot")


def the_one(value):
    """The same proxy for every proxy of an object, and any other value itself."""
    if not is_proxy(value):
        return value
    return value._Proxy__judge.ones.setdefault(value._Proxy__number, value)


def of_the_one(function):
    """A function that is asked about identities, of the objects."""

    @_functools.wraps(function)
    def ask(*arguments):
        return function(*map(the_one, arguments))

    return ask


def type_of(value):
    return _class_of(value) if is_proxy(value) else type(value)


def class_of(value):
    return _class_of(value) if is_proxy(value) else value.__class__


def _class_of(proxy):
    return proxy._Proxy__judge.ask("get", proxy, ("__class__",), {})


def install_identity():
    vars(_builtins).update({ONE: the_one, TYPE: type_of, CLASS: class_of})
    _builtins.id = of_the_one(id)
    for name in ("is_", "is_not"):
        setattr(_operator, name, of_the_one(getattr(_operator, name)))


def with_identity(source, name):
    """The code of a test or of setup code, in which `is` compares objects and `type` tells of them, not of their proxies."""
    if "assertIs" in source:
        case = importlib.import_module("unittest.case").TestCase
        for method in OF_UNITTEST:
            if not hasattr(getattr(case, method), "__wrapped__"):
                setattr(case, method, of_the_one(getattr(case, method)))
    if not _re.search(r"\bis\b|\btype\b|__class__", source):
        return REAL["compile"](source, name, "exec", dont_inherit=True)
    tree = REAL["compile"](source, name, "exec", ONLY_AST, dont_inherit=True)
    return REAL["compile"](OfObjects().visit(tree), name, "exec", dont_inherit=True)


class OfObjects(_ast.NodeTransformer):
    def visit_Compare(self, node):
        self.generic_visit(node)
        if any(isinstance(each, (_ast.Is, _ast.IsNot)) for each in node.ops):
            node.left, *node.comparators = [
                each if isinstance(each, _ast.Constant) else self.call(ONE, each)
                for each in (node.left, *node.comparators)
            ]
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        is_type = isinstance(node.func, _ast.Name) and node.func.id == "type"
        return self.call(TYPE, node.args[0]) if is_type and len(node.args) == 1 else node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        is_class = node.attr == "__class__" and isinstance(node.ctx, _ast.Load)
        return self.call(CLASS, node.value) if is_class else node

    @staticmethod
    def call(name, node):
        call = _ast.Call(_ast.Name(name, _ast.Load()), [node], [])
        return _ast.fix_missing_locations(_ast.copy_location(call, node))
