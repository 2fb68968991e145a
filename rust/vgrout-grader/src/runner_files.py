# Part of the runner (see runner.py), for `file_marker` mode: files that live in memory.


class InMemoryFiles:
    """Files that live and die with the rollout: `open`, `io.open`, `os.open` and pathlib see the same ones."""

    FIRST_DESCRIPTOR = 1000
    MOST_BYTES = 1 << 20

    def __init__(self, zygote, marker):
        self.record = zygote.record
        self.marker = marker
        self.contents = {}
        self.live = []
        self.descriptors = {}

    def install(self):
        import builtins
        import io
        import os

        builtins.open = io.open = self.open
        self.real_read, self.real_write = os.read, os.write
        os.open, os.write, os.close, os.fdopen = self.os_open, self.os_write, self.os_close, self.os_fdopen
        os.read, os.fsync = self.os_read, lambda descriptor: None
        os.remove = os.unlink = self.remove
        os.path.exists = os.path.isfile = self.exists
        return self

    def exists(self, path):
        return not isinstance(path, int) and self.key(path) in self.contents

    @staticmethod
    def key(path):
        import os

        name = os.fsdecode(os.fspath(path))
        while name.startswith("./"):
            name = name[2:]
        return name

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

        if isinstance(file, int):
            if file in self.descriptors:
                return self.os_fdopen(file, mode)
            raise PermissionError(1, "Operation not permitted")
        name = self.key(file)
        if not mode or set(mode) - set("rwaxbt+") or sum(letter in mode for letter in "rwax") != 1:
            raise ValueError("invalid mode: " + repr(mode))
        if "x" in mode and name in self.contents:
            raise FileExistsError(17, "File exists", name)
        if "r" in mode and name not in self.contents:
            raise FileNotFoundError(2, "No such file or directory", name)
        raw = _MemoryFile(self, name, b"" if "w" in mode else self.contents.get(name, b""))
        if "w" in mode or name not in self.contents:
            self.store(name, b"")
        if "a" in mode:
            raw.seek(0, 2)
        self.live.append(raw)
        if "b" in mode:
            return raw
        # Unbuffered in between, so that a rollout that exits without closing has still written.
        return io.TextIOWrapper(
            raw, encoding=encoding or "utf-8", errors=errors, newline=newline, write_through=True
        )

    def os_open(self, path, flags, mode=0o777, *, dir_fd=None):
        import os

        name = self.key(path)
        if flags & os.O_CREAT and flags & os.O_EXCL and name in self.contents:
            raise FileExistsError(17, "File exists", name)
        if not flags & os.O_CREAT and name not in self.contents:
            raise FileNotFoundError(2, "No such file or directory", name)
        file = self.open(
            name,
            "ab"
            if flags & os.O_APPEND
            else "wb"
            if flags & os.O_TRUNC or name not in self.contents
            else "rb",
        )
        descriptor = self.FIRST_DESCRIPTOR + len(self.descriptors)
        self.descriptors[descriptor] = file
        return descriptor

    def os_write(self, descriptor, data):
        if descriptor in self.descriptors:
            return self.descriptors[descriptor].write(data)
        return self.real_write(descriptor, data)

    def os_read(self, descriptor, count):
        if descriptor in self.descriptors:
            return self.descriptors[descriptor].read(count)
        return self.real_read(descriptor, count)

    def os_close(self, descriptor):
        if descriptor in self.descriptors:
            self.descriptors[descriptor].close()
        else:
            raise PermissionError(1, "Operation not permitted")

    def os_fdopen(self, descriptor, mode="r", *rest, **options):
        import io

        if descriptor not in self.descriptors:
            raise PermissionError(1, "Operation not permitted")
        raw = self.descriptors[descriptor]
        return raw if "b" in mode else io.TextIOWrapper(raw, encoding="utf-8", write_through=True)

    def remove(self, path, *, dir_fd=None):
        if self.contents.pop(self.key(path), None) is None:
            raise FileNotFoundError(2, "No such file or directory", path)

    def store(self, name, data):
        self.contents[name] = data
        if name == self.marker:
            self.record(FILE, 0, data[:4096].decode("utf-8", "replace"))

    def report(self):
        for file in self.live:
            if not file.closed:
                file.flush()


def _memory_file():
    import io

    class MemoryFile(io.BytesIO):
        def __init__(self, files, name, data):
            super().__init__(data)
            self.files, self.name = files, name

        def write(self, data):
            if self.tell() + len(data) > self.files.MOST_BYTES:
                raise OSError(27, "File too large")
            count = super().write(data)
            self.files.store(self.name, self.getvalue())
            return count

        def truncate(self, size=None):
            count = super().truncate(size)
            self.files.store(self.name, self.getvalue())
            return count

        def close(self):
            if not self.closed:
                self.files.store(self.name, self.getvalue())
            super().close()

    return MemoryFile


_MemoryFile = _memory_file()
