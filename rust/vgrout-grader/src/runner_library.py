# Part of the runner (see runner.py): what answers may import, and where it comes from once no file can be read.
#
# MODULES are loaded once in the broker, and every fork carries their pages. All other modules of the standard library
# are kept as bytes in one mapping that costs a fork nothing, and are run where they are imported.

REFUSED = {
    "antigravity": "it opens a browser",
    "ctypes": "it calls native code by address",
    "curses": "it needs a terminal",
    "dbm": "it needs files on disk",
    "distutils": "it builds packages",
    "ensurepip": "it installs packages",
    "idlelib": "it needs a display",
    "lib2to3": "it needs its grammar files",
    "nis": "it asks the network",
    "ossaudiodev": "it needs a sound device",
    "pydoc_data": "it is documentation",
    "readline": "it needs a terminal",
    "spwd": "it reads the machine's passwords",
    "ssl": "it needs sockets",
    "syslog": "it writes to the machine's log",
    "this": "it prints a poem",
    "tkinter": "it needs a display",
    "turtle": "it needs a display",
    "turtledemo": "it needs a display",
    "venv": "it installs packages",
}
# Parts of a refused one, and what only tests and other systems have.
REFUSED_PARTS = {
    "_ctypes": "ctypes",
    "_curses": "curses",
    "_curses_panel": "curses",
    "_dbm": "dbm",
    "_gdbm": "dbm",
    "_ssl": "ssl",
    "_tkinter": "tkinter",
}
UNKEPT = frozenset({"test", "tests", "idle_test", "__main__", "__pycache__"})


def names_of_library():
    return sorted(
        name for name in sys.stdlib_module_names if name not in REFUSED and name not in REFUSED_PARTS
    )


class Library:
    """Finds what the broker kept; says of all else why it is not to be had."""

    def __init__(self):
        self.places = {}
        self.pieces = []
        self.length = 0
        self.mapping = b""

    def keep(self):
        """Load the native modules, keep the others' code or source, and map all of it for good."""
        for name in names_of_library():
            if name not in sys.modules and name not in sys.builtin_module_names:
                self.keep_module(name, None)
        self.map()

    def keep_module(self, name, folders):
        try:
            spec = importlib.machinery.PathFinder.find_spec(name, folders)
        except Exception:
            return
        if spec is None or spec.origin is None:
            return
        if isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
            # Nothing can be linked later.
            try:
                importlib.import_module(name)
            except Exception:
                pass
            return
        if not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return
        self.add(name, spec)
        for part in parts_of(spec.submodule_search_locations or ()):
            self.keep_module(name + "." + part, spec.submodule_search_locations)

    def add(self, name, spec):
        import marshal

        code = compiled(spec)
        content = marshal.dumps(code) if code is not None else spec.loader.get_data(spec.origin)
        is_package = spec.submodule_search_locations is not None
        self.places[name] = (self.length, len(content), code is not None, is_package)
        self.pieces.append(content)
        self.length += len(content)

    def map(self):
        """A private mapping of a file that nobody can write any more: no rollout changes another's."""
        import fcntl
        import mmap
        import os

        file = os.memfd_create("library", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        for piece in self.pieces:
            view = memoryview(piece)
            while view:
                view = view[os.write(file, view) :]
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, 0xF)  # no seal, shrink, growth or write after this
        if self.length:
            self.mapping = mmap.mmap(file, self.length, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        os.close(file)
        self.pieces.clear()

    def find_spec(self, name, path=None, target=None):
        place = self.places.get(name)
        if place is not None:
            origin = "<standard library>/" + name.replace(".", "/") + ".py"
            spec = importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=place[3])
            spec.has_location = False
            return spec
        # Whoever only asks whether it is there is told no; an import is told why.
        if sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
            raise ModuleNotFoundError(f"No module named {name!r}{why_not(name)}", name=name)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name):
        import marshal

        start, length, is_code, _ = self.places[name]
        content = self.mapping[start : start + length]
        if is_code:
            return marshal.loads(content)
        return compile(content, name, "exec", dont_inherit=True)

    def is_package(self, name):
        return self.places[name][3]


def compiled(spec):
    """The module's code where a valid cached one is there: to compile the whole library would take seconds."""
    import os

    try:
        if not os.path.exists(importlib.util.cache_from_source(spec.origin)):
            return None
        return spec.loader.get_code(spec.name)
    except Exception:
        return None


def parts_of(folders):
    import os

    for folder in folders:
        for entry in sorted(os.listdir(folder)):
            name, dot, suffix = entry.partition(".")
            is_package = not dot and os.path.isfile(os.path.join(folder, entry, "__init__.py"))
            if name not in UNKEPT and name.isidentifier() and (suffix == "py" or is_package):
                if name != "__init__":
                    yield name


def why_not(name):
    top = name.partition(".")[0]
    reason = REFUSED.get(REFUSED_PARTS.get(top, top))
    if reason is not None:
        return f": it is not available to answers, since {reason}"
    if top in sys.stdlib_module_names:
        return ": this part of the standard library is not available to answers"
    if top in sys.modules:
        return f": of {top!r} only what `preload` loaded is available to answers; add {name!r} to it"
    return ": only the standard library is available to answers; `preload` adds other modules"


def preload(names, path):
    """Load further modules from the host's own `sys.path`, which is forgotten afterwards."""
    import os
    import warnings

    if not names:
        return
    before = list(sys.path)
    sys.path[:] = [*path, *(entry for entry in before if entry not in path)]
    # Their pools of threads would be gone after a fork, and the broker must stay single-threaded.
    threads = [
        kind + "_NUM_THREADS" for kind in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB", "RAYON", "BLIS")
    ]
    os.environ.update(dict.fromkeys(threads, "1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            try:
                module = importlib.import_module(name)
                for part in dir(module):  # what a package loads on first use must be there
                    getattr(module, part, None)
            except BaseException as error:
                give_up(name, describe(error))
            count = len(os.listdir("/proc/self/task"))
            if count > 1:
                give_up(name, f"it runs {count - 1} threads of its own, which a rollout cannot have")
    for variable in threads:
        os.environ.pop(variable, None)
    sys.path[:] = before


def give_up(name, why):
    sys.stderr.write(f"preload: {name!r} cannot be loaded: {why}\n")
    sys.stderr.flush()
    sys.modules["os"]._exit(1)
