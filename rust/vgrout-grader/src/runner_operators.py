# What Python's operators and functions ask of an object, by the method that answers; both ends of the exchange read this.

import copy as _copy
import math as _math
import operator as _operator


def _reflected(operation):
    return lambda one, other: operation(other, one)


def _iterated(value):
    """What is iterated over, in a list; the object itself where it is its own iterator."""
    iterator = iter(value)
    return value if iterator is value else Packer.drawn(iterator)


def _one_more(value):
    """The next element, in a list; an empty one at the end. Nothing asks for a new iterator."""
    try:
        return [value.__next__()]
    except StopIteration:
        return []


_BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul".split()
COMPARISONS = {f"__{name}__": getattr(_operator, f"__{name}__") for name in "lt le eq ne gt ge".split()}
IN_PLACE = {f"__i{name}__": getattr(_operator, f"__i{name}__") for name in _BINARY}
# Items of a container, and whether and how many there are.
ITEMS = {
    "__getitem__": _operator.getitem,
    "__setitem__": _operator.setitem,
    "__delitem__": _operator.delitem,
    "__len__": len,
    "__iter__": _iterated,
    "__contains__": _operator.contains,
    "__reversed__": lambda value: Packer.drawn(reversed(value)),
}
ARITHMETIC = (
    {
        f"__{name}__": getattr(_operator, f"__{name}__")
        for name in [*_BINARY, *"neg pos abs invert index".split()]
    }
    | {f"__r{name}__": _reflected(getattr(_operator, f"__{name}__")) for name in _BINARY}
    | {f"__{kind.__name__}__": kind for kind in (int, float, complex, bytes, round, divmod)}
    | {f"__{name}__": getattr(_math, name) for name in ("trunc", "floor", "ceil")}
    | {"__rdivmod__": _reflected(divmod), "__pow__": pow, "__length_hint__": _operator.length_hint}
)
COPIES = {"__copy__": _copy.copy, "__deepcopy__": _copy.deepcopy}
# Those that make an object of the class.
RESULTS = ARITHMETIC.keys() | IN_PLACE.keys() | COPIES.keys()
# Asked of any object: what it says of itself, what a call does, and where a block begins and ends.
OF_ANY = {
    "__bool__": bool,
    "__str__": str,
    "__repr__": repr,
    "__dir__": dir,
    "__format__": format,
    "__enter__": lambda value: value.__enter__(),
    "__exit__": lambda value, kind: value.__exit__(kind, kind and kind.__new__(kind), None),
}
# Everything that the judge may ask the answer's child to do with an object, besides calls and attributes.
OPERATIONS = (
    COMPARISONS
    | IN_PLACE
    | ITEMS
    | ARITHMETIC
    | COPIES
    | OF_ANY
    | {"__hash__": hash, "__next__": _one_more}
)
CALL, CLASS_ITEMS, RICH = "__call__", "__class_getitem__", "rich"
# Before an operator that a class says it has not, as one with `__eq__` alone has no `__hash__`.
LACKS = "no "
# What an object may have in any role and still be one and the same in all of them.
SAME_IN_ALL_ROLES = {*COMPARISONS, *OF_ANY, *COPIES, "__hash__", CALL}
SAME_IN_ALL_ROLES |= {f"{LACKS}{name}" for name in SAME_IN_ALL_ROLES}
DEFINED = {*OPERATIONS, CALL} - {"__bool__", "__str__", "__repr__", "__dir__", *COPIES}
# The library's own enumerations, which set their methods in each class: they make of operators what the values make.
ENUMERATIONS = frozenset(
    value for value in vars(_enum).values() if isinstance(value, type) and issubclass(value, _enum.Enum)
)
OF_ENUMERATIONS = {id(method) for kind in ENUMERATIONS for method in vars(kind).values() if callable(method)}
IS_WRITTEN_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE
OF_RAISED = DEFINED | {"__bool__", "__repr__"}
OF_BUILT_IN = frozenset({CALL, "__next__", "__enter__", "__exit__", *ITEMS})


def defined_by(value):
    """The operators that an object's class defines, or says it lacks, other than as the language or an enumeration does.

    What a class that derives from a built-in one has of that one is read from the value it holds.
    """
    kind = type(value)
    is_written = kind.__flags__ & IS_WRITTEN_IN_PYTHON
    found: dict[str, str] = {}
    for base in kind.__mro__[:-1]:
        if not is_one_of(base, DERIVED):
            for said in operators_in(base, DEFINED if is_written else OF_BUILT_IN):
                found.setdefault(said.removeprefix(LACKS), said)
    if isinstance(value, type) and any(CLASS_ITEMS in base.__dict__ for base in value.__mro__):
        found[CLASS_ITEMS] = CLASS_ITEMS
    return sorted(found.values())


def is_as_told(told):
    """Whether an object's class still has the operators that the judge was told of."""
    value, able = told
    return defined_by(value) == able


def operators_in(kind, names):
    """Those of the names that a class's own body defines, with `LACKS` before those that it says it lacks."""
    library = OF_ENUMERATIONS if issubclass(kind, _enum.Enum) else ()
    return [
        name if kind.__dict__[name] is not None else f"{LACKS}{name}"
        for name in names.intersection(kind.__dict__)
        if id(kind.__dict__[name]) not in library
    ]


def operators_of_exception(kind):
    """The operators that a class of exceptions and what is mixed into it define, as one text."""
    mixed = [base for base in kind.__mro__[:-1] if base is kind or not issubclass(base, BaseException)]
    return ",".join(sorted({said for base in mixed for said in operators_in(base, OF_RAISED)}))
