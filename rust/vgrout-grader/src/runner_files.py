# Part of the runner (see runner.py): files that live in memory. The fence lets nothing open a path, so a script's own
# files, the working directory and `os.devnull` are these, the same in every mode and at every level.

HOME = "/answer"
_FOLDER, _REGULAR, _DEVICE = 0o040755, 0o100644, 0o020666


def _os_error(kind, number, path):
    import os

    return kind(number, os.strerror(number), path)


class _Node:
    """A regular file's bytes."""

    def __init__(self, number):
        self.number = number
        self.data = bytearray()
        self.is_marked = False


class Files:
    """A small tree of files in this process: `open`, `io`, `os` and pathlib see the same one."""

    FIRST_DESCRIPTOR = 1000
    MOST_BYTES = 1 << 20

    def __init__(self):
        import os

        self.folders = {"/", "/tmp", HOME}
        self.nodes = {}
        self.made = 0
        self.open_files = {}
        self.here = HOME
        self.zygote = self.marked = None
        self.real = {
            name: getattr(os, name) for name in ("read", "write", "close", "lseek", "fsync", "isatty")
        }

    def watch(self, zygote, name):
        """From now on the file of this name is reported."""
        self.zygote, self.marked = zygote, self.key(name)
        node = self.nodes.get(self.marked)
        if node is not None:
            self.mark(node)

    def mark(self, node):
        node.is_marked = True
        self.show(node, 0, bytes(node.data))

    def show(self, node, offset, piece):
        if node.is_marked and not self.zygote.file(offset, piece, len(node.data)):
            self.zygote.file(0, bytes(node.data), len(node.data))

    def key(self, path):
        import os

        name = os.fsdecode(os.fspath(path))
        if not name:
            raise _os_error(FileNotFoundError, 2, name)
        if "\0" in name:
            raise ValueError("embedded null byte")
        full = os.path.normpath(os.path.join(self.here, name))
        return full[1:] if full.startswith("//") else full

    def find(self, path):
        """The node of a path; None for a folder, a number for a device."""
        if isinstance(path, int):
            if path in self.open_files:
                return self.open_files[path].node
            if path in (0, 1, 2):
                return path
            raise _os_error(OSError, 9, path)
        key = self.key(path)
        if key in DEVICES:
            return DEVICES[key]
        if key in self.folders:
            return None
        try:
            return self.nodes[key]
        except KeyError:
            self.check_parent(key, path)
            raise _os_error(FileNotFoundError, 2, path) from None

    def check_parent(self, key, path):
        import os

        parent = os.path.dirname(key)
        if parent in self.nodes:
            raise _os_error(NotADirectoryError, 20, path)
        if parent not in self.folders:
            raise _os_error(FileNotFoundError, 2, path)

    def create(self, path):
        key = self.key(path)
        self.check_parent(key, path)
        if parent_is_foreign(key):
            raise _os_error(PermissionError, 13, path)
        self.made += 1
        node = self.nodes[key] = _Node(self.made)
        if key == self.marked:
            self.mark(node)
        return node

    def open_raw(self, path, reads, writes, *, create=False, fresh=False, truncate=False, append=False):
        try:
            node = self.find(path)
        except FileNotFoundError:
            if not create:
                raise
            node = self.create(path)
        else:
            if fresh:
                raise _os_error(FileExistsError, 17, path)
        if node is None:
            raise _os_error(IsADirectoryError, 21, path)
        if isinstance(node, int):
            return Device(node, path, reads, writes)
        file = MemoryFile(self, node, path, reads, writes, append)
        if truncate:
            file.truncate(0)
        return file

    def open(
        self,
        file,
        mode="r",
        buffering=-1,
        encoding=None,
        errors=None,
        newline=None,
        closefd=True,
        opener=None,
    ):
        import io

        kinds = set(mode) if isinstance(mode, str) else {None}
        if (
            kinds - set("rwaxbt+")
            or len(mode) != len(kinds)
            or len(kinds & set("rwax")) != 1
            or kinds >= set("bt")
        ):
            raise ValueError(f"invalid mode: {mode!r}")
        if opener is not None:
            file = opener(file, 0)
        if isinstance(file, int) and file in self.open_files:
            raw = self.open_files[file]
        else:
            raw = self.open_raw(
                file,
                "r" in mode or "+" in mode,
                "r" not in mode or "+" in mode,
                create="r" not in mode,
                fresh="x" in mode,
                truncate="w" in mode,
                append="a" in mode,
            )
        raw.mode = mode
        if "b" in mode:
            return io.BufferedReader(raw) if mode.strip("b") == "r" and buffering != 0 else raw
        # Unbuffered in between, so that a rollout that exits without closing has still written.
        inner = io.BufferedReader(raw) if mode.strip("t") == "r" else raw
        text = io.TextIOWrapper(
            inner, encoding=encoding or "utf-8", errors=errors, newline=newline, write_through=True
        )
        text.mode = mode
        return text

    def os_open(self, path, flags, mode=0o777, *, dir_fd=None):
        import os

        way = flags & os.O_ACCMODE
        file = self.open_raw(
            path,
            way != os.O_WRONLY,
            way != os.O_RDONLY,
            create=flags & os.O_CREAT,
            fresh=flags & os.O_CREAT and flags & os.O_EXCL,
            truncate=flags & os.O_TRUNC,
            append=flags & os.O_APPEND,
        )
        return self.descriptor(file)

    def descriptor(self, file):
        number = next(each for each in range(self.FIRST_DESCRIPTOR, 1 << 20) if each not in self.open_files)
        self.open_files[number] = file
        return number

    def os_close(self, descriptor):
        file = self.open_files.pop(descriptor, None)
        return self.real["close"](descriptor) if file is None else file.close()

    def os_write(self, descriptor, data):
        file = self.open_files.get(descriptor)
        return self.real["write"](descriptor, data) if file is None else file.write(data)

    def os_read(self, descriptor, count):
        file = self.open_files.get(descriptor)
        return self.real["read"](descriptor, count) if file is None else file.read(count)

    def os_lseek(self, descriptor, offset, whence):
        file = self.open_files.get(descriptor)
        return self.real["lseek"](descriptor, offset, whence) if file is None else file.seek(offset, whence)

    def os_fsync(self, descriptor):
        return None if descriptor in self.open_files else self.real["fsync"](descriptor)

    def os_isatty(self, descriptor):
        return False if descriptor in self.open_files else self.real["isatty"](descriptor)

    def os_fdopen(self, descriptor, mode="r", *rest, **options):
        return self.open(descriptor, mode, *rest, **options)

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):
        import os

        node = self.find(path)
        if isinstance(node, _Node):
            return os.stat_result((_REGULAR, node.number, 1, 1, 0, 0, len(node.data), 0, 0, 0))
        return os.stat_result((_FOLDER if node is None else _DEVICE, 0, 1, 1, 0, 0, 0, 0, 0, 0))

    def access(self, path, mode, **options):
        try:
            self.find(path)
        except OSError:
            return False
        return True

    def listdir(self, path="."):
        if self.find(path) is not None:
            raise _os_error(NotADirectoryError, 20, path)
        start = self.key(path).rstrip("/") + "/"
        names = [
            key[len(start) :]
            for key in (*self.folders, *self.nodes)
            if key.startswith(start) and key != start
        ]
        return sorted(name for name in names if name and "/" not in name)

    def scandir(self, path="."):
        return Entries(Entry(self, path, name) for name in self.listdir(path))

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        key = self.key(path)
        if key in self.folders or key in self.nodes or key in DEVICES:
            raise _os_error(FileExistsError, 17, path)
        self.check_parent(key, path)
        self.folders.add(key)

    def rmdir(self, path, *, dir_fd=None):
        if self.listdir(path):
            raise _os_error(OSError, 39, path)
        self.folders.discard(self.key(path))

    def remove(self, path, *, dir_fd=None):
        if not isinstance(self.find(path), _Node):
            raise _os_error(PermissionError, 1, path)
        del self.nodes[self.key(path)]

    def rename(self, source, target, **options):
        node, to = self.find(source), self.key(target)
        if not isinstance(node, _Node):
            raise _os_error(PermissionError, 1, source)
        self.check_parent(to, target)
        if to in self.folders or to in DEVICES:
            raise _os_error(IsADirectoryError, 21, target)
        del self.nodes[self.key(source)]
        self.nodes[to] = node
        if to == self.marked:
            self.mark(node)

    def truncate(self, path, length):
        self.open_raw(path, True, True).truncate(length)

    def unchanged(self, path, *arguments, **options):
        self.find(path)

    def getcwd(self):
        return self.here

    def chdir(self, path):
        if self.find(path) is not None:
            raise _os_error(NotADirectoryError, 20, path)
        self.here = self.key(path)

    def install(self):
        """Every opener and namer of files in `builtins`, `io` and `os` means these."""
        import builtins
        import io
        import os

        builtins.open = io.open = self.open
        io.FileIO = file_io(self)
        for name in ("close", "write", "read", "lseek", "fsync", "isatty", "fdopen", "open"):
            setattr(os, name, getattr(self, "os_" + name))
        for name in """access stat listdir scandir mkdir rmdir remove rename truncate getcwd chdir""".split():
            setattr(os, name, getattr(self, name))
        os.lstat = os.fstat = self.stat
        os.unlink, os.replace, os.ftruncate = self.remove, self.rename, self.truncate
        os.chmod = os.utime = self.unchanged
        os.getcwdb = lambda: self.here.encode()
        machine = os.uname()
        os.uname = lambda: os.uname_result((machine.sysname, "localhost", "", "", machine.machine))
        os.supports_dir_fd.clear()
        if "shutil" in sys.modules:
            sys.modules["shutil"]._use_fd_functions = False
        return self


DEVICES = {"/dev/null": 3, "/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def parent_is_foreign(key):
    """Nothing is made where the system's own files would stand."""
    return not key.startswith(("/tmp/", HOME + "/")) and key.count("/") == 1


class Entries(list):
    """What `os.scandir` gives."""

    def __enter__(self):
        return iter(self)

    def __exit__(self, *error):
        return None

    def close(self):
        return None


class Entry:
    def __init__(self, files, folder, name):
        import os

        self.name, self.path, self.files = name, os.path.join(folder, name), files

    def __fspath__(self):
        return self.path

    def stat(self, *, follow_symlinks=True):
        return self.files.stat(self.path)

    def is_dir(self, *, follow_symlinks=True):
        return self.files.find(self.path) is None

    def is_file(self, *, follow_symlinks=True):
        return isinstance(self.files.find(self.path), _Node)

    def is_symlink(self):
        return False


def file_io(files):
    import io

    class FileIO(io.RawIOBase):
        """`io.FileIO`, of files in memory."""

        def __new__(cls, file, mode="r", closefd=True, opener=None):
            return files.open(file, mode.replace("b", "") + "b", buffering=0, opener=opener)

    return FileIO
