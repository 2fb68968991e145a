"""Broker, zygote and child of the sandbox. Holds no secret: no expected value ever reaches this file.

The host runs `python -s -S -P -c <loader> <extension> <layers to leave off> <extra modules>` and sends this, its own
`sys.path` behind it. The broker imports the modules below once and forks zygotes; a zygote runs setup code and forks one child per rollout.
What a child sends back is a claim; the host compares.
"""

import importlib
import importlib.machinery
import importlib.util
import sys

# What most answers import; the rest of the standard library is kept unloaded (runner_library.py), `preload` adds to it.
MODULES = """
abc array ast bisect builtins cmath collections collections.abc contextlib copy copyreg dataclasses datetime decimal
enum errno fractions functools gc heapq io itertools json keyword math numbers operator os os.path random re reprlib
statistics string struct sys textwrap time traceback types typing warnings weakref _strptime __future__
""".split()

COMPILED, COMPILE_ERROR, MODULE_ERROR, VALUE, RAISED, BAD_TYPE, EXIT, DONE = 1, 2, 3, 4, 5, 6, 7, 8
SENTINEL, FILE, FLAG, EQUAL, HELD, FAILED, UNASKED = 9, 10, 11, 12, 13, 14, 15
MODULE_LEVEL = 0xFFFFFFFF
NO_MEMORY = 71
ARBITRARY, HINTED, CANONICAL_FAILS, ANSWERED, PLAIN = 0, 1, 2, 3, 4


def load_native(path):
    loader = importlib.machinery.ExtensionFileLoader("vgrout._native", path)
    spec = importlib.util.spec_from_file_location("vgrout._native", path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def broker(argv, host_path):
    import gc
    import io

    native = load_native(argv[0])
    for name in MODULES:
        importlib.import_module(name)
    library = Library()
    library.keep()
    sys.stdout = io.StringIO()  # what a module prints when it is loaded is no answer's output
    preload([name for name in argv[2].split(",") if name], host_path)
    host_path.clear()
    sys.stdout = sys.__stdout__
    # From here on an import finds what is loaded or kept, whatever the fence level.
    sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, library]
    sys.path_hooks.clear()
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.argv[:] = ["answer.py"]
    sys.orig_argv[:] = ["python", "answer.py"]
    sys.executable = sys._base_executable = ""
    sys.dont_write_bytecode = True
    add_site_names()
    FILES.install()

    gc.collect()
    gc.disable()
    gc.freeze()
    # Labels repeat: every rollout draws the same numbers, unless the setup code or the answer seeds.
    sys.modules["random"].seed(0)
    zygote = native._serve_zygote(int(argv[1]))
    if zygote is not None:
        serve(zygote)


def add_site_names():
    """What `site` adds for scripts: `exit`, `quit`, `help` and the texts."""
    import _sitebuiltins
    import builtins

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()
    builtins.copyright = _sitebuiltins._Printer("copyright", sys.copyright)
    builtins.credits = _sitebuiltins._Printer("credits", "Thanks to all who work on Python.")
    builtins.license = _sitebuiltins._Printer("license", "The Python Software Foundation License")


def serve(zygote):
    import gc
    import types

    module = guard = None
    while True:
        item = zygote.next()
        if item is None:
            zygote.exit(0)
        if item[0] == "child":
            break
        role, _, source = item[1].partition("\n")
        if role == "judges" and guard is None:
            guard = Guard()
            guard.install()  # before setup code could keep what it takes away
            install_identity()
        failure = ""
        module = types.ModuleType("__main__")
        module.__file__ = HOME + "/answer.py"
        try:
            make = with_identity if role == "judges" else as_written
            exec(make(source, "<setup>"), module.__dict__)
            sys.__stdout__.flush()  # what is left in the buffer would be printed by every rollout
        except BaseException as error:
            failure = describe(error) + line_of(error, source)
        gc.freeze()
        zygote.setup_done(failure)
    # The header must not live on in this frame, where the answer could read it.
    box = [item[1]]
    item = None
    child(zygote, box, module, guard)


def as_written(source, name):
    return compile(source, name, "exec", dont_inherit=True)


def child(zygote, box, module, guard):
    """Run one rollout and exit; never returns."""
    import gc

    role, source, graded, method, mode, marker, extra, skip_main, (recursion, digits) = box.pop()
    sys.modules["__main__"] = module
    namespace = module.__dict__
    gc.enable()
    # Answers print when they are run as scripts; a flush below stands for the interpreter's own at exit.
    if mode == "file_marker" and marker:
        FILES.watch(zygote, marker)
    run = Rollout(zygote, namespace, graded, method, skip_main)
    # The frames of this file are not the answer's.
    sys.setrecursionlimit((recursion or sys.getrecursionlimit()) + 8)
    if digits is not None:
        sys.set_int_max_str_digits(digits)
    try:
        if role == "judge":
            Judge(zygote, namespace, graded, method, extra[0], guard).run(extra[1])
            run.leave(0)
        if role == "oracle":
            run.oracle(source, marker if mode == "sentinel" else None)
            if extra and run.calls_made:
                run.question(marker, None)
        elif role == "equality":
            run.equality(source)
        elif role == "run_tests":
            run.own_tests(source, marker, extra)
        else:
            run.plain(source, extra)
        run.leave(0)
    except MemoryError:
        zygote.exit(NO_MEMORY)


def describe(error):
    """The exception's name and text; the text is the answer's own and may fail."""
    name = type.__dict__["__name__"].__get__(type(error))
    try:
        text = str(error)
    except BaseException:
        text = ""
    return name + ": " + text[:500] if text else name


def line_of(error, source):
    """Where in its own source the code raised."""
    number = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<setup>":
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = source.splitlines()
    if not isinstance(number, int) or not 1 <= number <= len(lines):
        return ""
    return f" (line {number}: {lines[number - 1].strip()[:100]})"


def without_main(source):
    """The answer without what it does as a script: `if __name__ == "__main__":` takes its other branch."""
    import ast

    tree = ast.parse(source, "<answer>")
    tree.body = [
        part for statement in tree.body for part in (statement.orelse if is_main(statement) else [statement])
    ]
    return tree


def is_main(statement):
    import ast

    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    test = statement.test
    sides = [test.left, *test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    values = {side.value for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)}
    return (
        isinstance(test.ops[0], ast.Eq)
        and len(sides) == 2
        and names == {"__name__"}
        and values == {"__main__"}
    )


class Rollout:
    def __init__(self, zygote, namespace, graded, method, skip_main):
        self.zygote = zygote
        self.record = zygote.record
        self.namespace = namespace
        self.setup = dict(namespace)
        self.graded = graded
        self.method = method
        self.skip_main = skip_main
        self.stdout = sys.stdout
        self.exited = None
        self.calls_made = False

    def leave(self, status):
        try:
            self.stdout.flush()
        except BaseException:
            pass
        self.zygote.exit(status)

    @staticmethod
    def status(error):
        """The exit status that `sys.exit` asks for."""
        code = error.code
        if not isinstance(code, int):
            return 0 if code is None else 1
        value = int.__add__(code, 0)
        return value & 0xFF if -(1 << 63) <= value < 1 << 63 else 0xFF

    def stop_at_exit(self, index, error):
        """`sys.exit` in a call ends the rollout as it ends a script."""
        status = self.status(error)
        self.record(EXIT, index, str(status))
        self.leave(status)

    def load(self, source):
        """Compile and run the answer's own text; False if that failed.

        A script may end in `sys.exit()`: what it defined stands, and is called all the same.
        """
        try:
            code = compile(
                without_main(source) if self.skip_main else source, "<answer>", "exec", dont_inherit=True
            )
        except BaseException as error:
            self.record(COMPILE_ERROR, 0, describe(error))
            return False
        self.record(COMPILED, 0, "")
        # The graded name is the answer's own, whatever the setup code calls so.
        self.namespace.pop(self.graded, None)
        try:
            exec(code, self.namespace)
        except SystemExit as error:
            self.exited = self.status(error)
            self.record(EXIT, MODULE_LEVEL, str(self.exited))
        except BaseException as error:
            self.record(MODULE_ERROR, 0, describe(error))
            return False
        self.zygote.capture_nodes(self.namespace.get("ListNode"), self.namespace.get("TreeNode"))
        return True

    def oracle(self, source, sentinel):
        if not self.load(source):
            return
        zygote, record = self.zygote, self.record
        for position in range(zygote.calls()):
            index, is_method, name, arguments, keywords = zygote.call(position)
            instance = None
            try:
                if is_method:
                    instance = self.owner("Solution")()
                    value = getattr(instance, name)(*arguments, **keywords)
                else:
                    value = self.owner(name)(*arguments, **keywords)
                zygote.claim(index, value)
            except SystemExit as error:
                self.stop_at_exit(index, error)
            except BaseException as error:
                record(RAISED, index, describe(error))
            if sentinel is not None:
                try:
                    flag = getattr(instance, sentinel) is True
                except BaseException:
                    flag = False
                record(SENTINEL, index, "1" if flag else "0")
            instance = value = None
        if zygote.is_judged():
            AnswerSide(self, self.setup, sentinel).serve()
        record(DONE, 0, "")
        self.calls_made = True

    def owner(self, name):
        try:
            return self.namespace[name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def equality(self, source):
        """Compare every returned object with decoys of the expected type, by the object's own `==`."""
        if not self.load(source):
            return
        for position in range(self.zygote.calls()):
            index, is_method, name, arguments, keywords, decoys = self.zygote.call(position)
            try:
                call = getattr(self.namespace["Solution"](), name) if is_method else self.namespace[name]
                value = call(*arguments, **keywords)
                equal = all(bool(value == decoy) for decoy in decoys)
            except BaseException:
                equal = False
            self.record(EQUAL, index, "1" if equal else "0")
        self.record(DONE, 0, "")

    def own_tests(self, source, name, canonical):
        """Load the answer in this child, then question its test function."""
        if self.load(source):
            self.question(name, canonical)

    def question(self, name, canonical):
        """Call the answer's own test function on a stub, on its own solution, on the canonical one."""
        namespace, record = self.namespace, self.record
        solution = namespace.get("Solution")
        function = namespace.get(name)
        if function is None and getattr(solution, name, None) is None:
            return record(FLAG, ANSWERED, "0")

        def passes():
            try:
                if function is not None:
                    function()
                else:
                    getattr(namespace["Solution"](), name)()
            except BaseException:
                return "0"
            return "1"

        with stubbed(namespace, self.graded, self.method) as is_stubbed:
            record(FLAG, ARBITRARY, passes() if is_stubbed else "0")
        record(FLAG, HINTED, passes())
        if canonical:
            try:
                scope = dict(self.setup)
                exec(canonical, scope)
                if self.method:
                    reference = scope["Solution"]
                    # A test function that is a method, and what it calls, come with the answer's class.
                    bases = (reference,) if function is not None else (reference, solution)
                    namespace["Solution"] = type("Solution", bases, {})
                else:
                    namespace[self.graded] = scope[self.graded]
            except BaseException:
                pass
            else:
                record(FLAG, CANONICAL_FAILS, "0" if passes() == "1" else "1")
        record(FLAG, ANSWERED, "1")

    def plain(self, source, tests):
        """The foolable way: the answer and its asserts in one script, judged by how it exits."""
        if not self.load(source):
            self.leave(1)
        if self.exited is not None:
            self.leave(self.exited)
        for test in tests:
            try:
                exec(test, self.namespace)
            except SystemExit as error:
                self.stop_at_exit(0, error)
            except BaseException:
                self.leave(1)
        self.record(FLAG, PLAIN, "1")
