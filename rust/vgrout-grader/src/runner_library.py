# Part of the runner (see runner.py): what answers may import, and where it comes from once no file can be read.
#
# MODULES are loaded once in the broker, and every fork carries their pages. All other modules of the standard library
# are kept as bytes in one mapping that costs a fork nothing, and are run where they are imported.

REFUSED = {
    "antigravity": "it opens a browser",
    "crypt": "it hashes the machine's passwords",
    "ctypes": "it calls native code by address",
    "curses": "it needs a terminal",
    "dbm": "it needs files on disk",
    "distutils": "it builds packages",
    "ensurepip": "it installs packages",
    "grp": "it reads the machine's accounts",
    "idlelib": "it needs a display",
    "lib2to3": "it needs its grammar files",
    "nis": "it asks the network",
    "ossaudiodev": "it needs a sound device",
    "pty": "it needs a terminal",
    "pydoc_data": "it is documentation",
    "readline": "it needs a terminal",
    "spwd": "it reads the machine's passwords",
    "ssl": "it needs sockets",
    "syslog": "it writes to the machine's log",
    "termios": "it needs a terminal",
    "this": "it prints a poem",
    "tkinter": "it needs a display",
    "tty": "it needs a terminal",
    "turtle": "it needs a display",
    "turtledemo": "it needs a display",
    "venv": "it installs packages",
}
# Parts of a refused one, and what only tests and other systems have.
REFUSED_PARTS = {
    "_crypt": "crypt",
    "_ctypes": "ctypes",
    "_curses": "curses",
    "_curses_panel": "curses",
    "_dbm": "dbm",
    "_gdbm": "dbm",
    "_ssl": "ssl",
    "_tkinter": "tkinter",
}
# Native modules that the library does without (it has Python in their place), each of which would cost every fork.
NEEDLESS = frozenset(
    """_asyncio _elementtree _multiprocessing _posixshmem _queue _uuid _zoneinfo
    _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _multibytecodec""".split()
)
# What `_hashlib` has as well, where it is there.
IN_HASHLIB = frozenset({"_md5", "_sha1", "_sha2", "_sha256", "_sha3"})
UNKEPT = frozenset({"test", "tests", "idle_test", "__main__", "__pycache__"})


def names_of_library():
    return sorted(
        name for name in sys.stdlib_module_names if name not in REFUSED and name not in REFUSED_PARTS
    )


class Library:
    """Finds what the broker kept; says of all else why it is not to be had."""

    def __init__(self):
        self.mapping = None
        self.index = 0

    def keep(self):
        """Load the native modules, and map the others' code for good.

        The mapping is private, of a file that nobody can write any more: no rollout changes another's. A process of its
        own fills the file, so that what it needs for that is no part of the broker, whose pages every fork pays for.
        """
        import fcntl
        import mmap
        import os

        link_natives()
        file = os.memfd_create("library", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        filler = os.fork()
        if filler == 0:
            try:
                Filler(file).fill()
            finally:
                os._exit(0)
        try:
            os.waitpid(filler, 0)
        except ChildProcessError:  # a host that ignores SIGCHLD has it reaped unseen
            pass
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, 0xF)  # no seal, shrink, growth or write after this
        size = os.fstat(file).st_size
        if size:
            self.mapping = mmap.mmap(file, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            self.index = int.from_bytes(self.mapping[size - 8 :], "little")
        os.close(file)

    def place(self, name):
        """Where a module's content is, its length, whether it is code, whether it is a package."""
        if self.mapping is None or not name.isascii():
            return None
        at = self.mapping.find(f"\n{name} ".encode(), self.index)
        if at < 0:
            return None
        return [int(word) for word in self.mapping[at + 1 : self.mapping.find(b"\n", at + 1)].split()[1:]]

    def find_spec(self, name, path=None, target=None):
        place = self.place(name)
        if place is not None:
            origin = "<standard library>/" + name.replace(".", "/") + ".py"
            spec = importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=bool(place[3]))
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

        start, length, is_code, _ = self.place(name)
        content = self.mapping[start : start + length]
        if is_code:
            return marshal.loads(content)
        return compile(content, name, "exec", dont_inherit=True)

    def is_package(self, name):
        return bool(self.place(name)[3])


def link_natives():
    """Load the library's native modules: nothing can be linked later."""
    import os

    wanted = set(names_of_library()) - NEEDLESS - set(sys.modules)
    try:
        importlib.import_module("_hashlib")
        wanted -= IN_HASHLIB
    except ImportError:
        pass
    for folder in list(sys.path):
        for entry in sorted(os.listdir(folder) if os.path.isdir(folder) else ()):
            name = entry.partition(".")[0]
            if name in wanted and entry.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
                try:
                    importlib.import_module(name)
                except Exception:  # a system without what it is linked to
                    pass


class Filler:
    """Writes the library's pure modules into a file: their contents, an index, the index's place."""

    def __init__(self, file):
        self.file = file
        self.length = 0
        self.lines = []

    def fill(self):
        for name in names_of_library():
            self.module(name, None)
        # How the interpreter was built is the host's business; what asks for it finds nothing.
        multiarch = getattr(sys.implementation, "_multiarch", "")
        content = b"build_time_vars = {}"
        self.line(f"_sysconfigdata_{sys.abiflags}_{sys.platform}_{multiarch}", content, 0, 0)
        index = "".join(["\n", *self.lines]).encode()
        self.write(index + (self.length).to_bytes(8, "little"))

    def write(self, content):
        import os

        view = memoryview(content)
        self.length += len(view)
        while view:
            view = view[os.write(self.file, view) :]

    def module(self, name, folders):
        try:
            spec = importlib.machinery.PathFinder.find_spec(name, folders)
        except Exception:
            return
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return
        if name not in sys.modules:
            self.add(name, spec)
        for part in parts_of(spec.submodule_search_locations or ()):
            self.module(name + "." + part, spec.submodule_search_locations)

    def add(self, name, spec):
        code = compiled(spec)
        content = spec.loader.get_data(spec.origin) if code is None else code
        is_package = spec.submodule_search_locations is not None
        self.line(name, content, int(code is not None), int(is_package))

    def line(self, name, content, is_code, is_package):
        self.lines.append(f"{name} {self.length} {len(content)} {is_code} {is_package}\n")
        self.write(content)


def compiled(spec):
    """The module's marshalled code where it is cached and valid: to compile the whole library would take seconds."""
    import os

    try:
        with open(importlib.util.cache_from_source(spec.origin), "rb") as file:
            content = file.read()
        source = os.stat(spec.origin)
    except (OSError, NotImplementedError):
        return None
    words = [int.from_bytes(content[place : place + 4], "little") for place in (4, 8, 12)]
    stamp = [0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF]
    is_valid = content[:4] == importlib.util.MAGIC_NUMBER and (words == stamp or words[0] == 1)
    return content[16:] if is_valid else None


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
