# Part of the runner (see runner.py): the raw streams behind runner_files.py.

import io
import posix


class Raw(io.RawIOBase):
    node = None

    def __init__(self, name, reads, writes):
        self.name, self.reads, self.writes = name, bool(reads), bool(writes)

    def readable(self):
        return self.reads

    def writable(self):
        return self.writes

    def check(self, allowed):
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if not allowed:
            raise io.UnsupportedOperation("not readable" if not self.reads else "not writable")


class Device(Raw):
    """Nothing (3), or one of the three streams; closing it leaves the stream open."""

    def __init__(self, number, name, reads, writes):
        super().__init__(name, reads, writes)
        self.number = number

    def readinto(self, buffer):
        self.check(self.reads)
        data = b"" if self.number else posix.read(self.number, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        self.check(self.writes)
        length = memoryview(data).nbytes
        return posix.write(self.number, data) if self.number in (1, 2) else length

    def fileno(self):
        if self.number == 3:
            raise io.UnsupportedOperation("fileno")
        return self.number


class MemoryFile(Raw):
    def __init__(self, files, node, name, reads, writes, append):
        super().__init__(name, reads, writes)
        self.files, self.node, self.append = files, node, append
        self.place = len(node.data) if append else 0
        self.number = None

    def seekable(self):
        return True

    def fileno(self):
        if self.number is None:
            self.number = self.files.descriptor(self)
        return self.number

    def readinto(self, buffer):
        self.check(self.reads)
        data = self.node.data[self.place : self.place + len(buffer)]
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)

    def write(self, data):
        self.check(self.writes)
        data = bytes(memoryview(data).cast("B"))
        content = self.node.data
        start = len(content) if self.append else self.place
        if start + len(data) > self.files.MOST_BYTES:
            raise OSError(27, "File too large")
        gap = max(0, start - len(content))
        content.extend(bytes(gap))
        content[start : start + len(data)] = data
        self.place = start + len(data)
        self.files.show(self.node, start - gap, bytes(gap) + data)
        return len(data)

    def seek(self, offset, whence=0):
        self.check(True)
        base = (0, self.place, len(self.node.data))[whence]
        if base + offset < 0:
            raise OSError(22, "Invalid argument")
        self.place = base + offset
        return self.place

    def tell(self):
        self.check(True)
        return self.place

    def truncate(self, size=None):
        self.check(self.writes)
        size = self.place if size is None else size
        if size > self.files.MOST_BYTES:
            raise OSError(27, "File too large")
        content = self.node.data
        del content[size:]
        content.extend(bytes(size - len(content)))
        self.files.show(self.node, 0, bytes(content))
        return size
