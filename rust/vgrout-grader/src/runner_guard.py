# The judge's guard: text and bytes of the answer's must not become code in the process that judges it.

import ast as _ast
import types as _types

# An expression without names and calls is no code, whoever wrote it.
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
# What a type may be written with; names in it are looked up, and nothing is called.
TYPES = (*HARMLESS, _ast.Name, _ast.Attribute, _ast.Subscript, _ast.Starred)
ONLY_AST = 0x400
# They make code of names that they have checked themselves.
MAKERS = frozenset({"collections", "dataclasses"})
# They read annotations.
READERS = frozenset({"typing", "annotationlib", "inspect"})


def is_plain(source, nodes=HARMLESS):
    """Whether a text is an expression of these nodes alone: harmless, whoever wrote it."""
    if not isinstance(source, str) or len(source) > 10_000:
        return False
    try:
        tree = REAL["compile"](source.strip(), "<text>", "eval", ONLY_AST)
    except Exception:
        return False
    return all(isinstance(node, nodes) and is_known(node) for node in _ast.walk(tree))


def is_known(node):
    """Whether what takes arguments in brackets is one of typing's or the language's, and no object of the answer's."""
    if not isinstance(node, _ast.Subscript):
        return True
    name = getattr(node.value, "attr", getattr(node.value, "id", None))
    return name in vars(_builtins) or name in vars(sys.modules.get("typing", _types))


REAL = {name: getattr(_builtins, name) for name in ("eval", "exec", "compile")}


class Guard:
    """From its installation on, no text becomes code once the answer was asked, whoever asks for it and by whatever name."""

    def __init__(self):
        self.touched = False

    def install(self):
        sys.addaudithook(self.watch)
        _builtins.eval, _builtins.exec = self.guarded("eval"), self.guarded("exec")
        _builtins.compile = self.compile

    def refuse(self, source, frame):
        if isinstance(source, _types.CodeType) or not self.touched or is_plain(source):
            return
        caller = frame.f_globals.get("__name__")
        if frame.f_code is Library.get_code.__code__:
            return
        if caller not in MAKERS and not (caller in READERS and is_plain(source, TYPES)):
            raise RuntimeError(
                "eval, exec and compile take no text once the answer was asked: its text is not code"
            )

    def guarded(self, name):
        def run(source, globals=None, locals=None, /, **options):
            frame = sys._getframe(1)
            self.refuse(source, frame)
            if globals is None:
                globals, locals = frame.f_globals, frame.f_locals if locals is None else locals
            return REAL[name](source, globals, globals if locals is None else locals, **options)

        run.__name__ = run.__qualname__ = name
        return run

    def compile(self, source, filename, mode, flags=0, dont_inherit=True, optimize=-1, **options):
        if not flags & ONLY_AST:
            self.refuse(source, sys._getframe(1))
        return REAL["compile"](source, filename, mode, flags, True, optimize, **options)

    def watch(self, event, _arguments):
        # What unpickles or unmarshals the answer's bytes would run them; the library's own modules are kept so, too.
        if not self.touched or event not in ("pickle.find_class", "marshal.loads", "code.__new__"):
            return
        caller = sys._getframe(1)
        is_ours = event == "marshal.loads" and caller.f_code.co_filename == "<vgrout>"
        # `types.coroutine` marks a function that this process has.
        if not is_ours and not (event == "code.__new__" and caller.f_globals.get("__name__") == "types"):
            raise RuntimeError(f"{event} is not to be had once the answer was asked: its bytes are not code")
