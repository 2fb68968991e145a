# goal: read or create any file, by every function that opens one
# outcome: runtime_error
# detail: PermissionError
# pays: none
# live: yes
import _io
import os
import posix

PATHS = [
    "/etc/passwd",
    "/etc/hostname",
    "/dev/null",
    "/dev/zero",
    "/proc/version",
    "vgrout_attack_file",
    "/dev/shm/vgrout_attack",
]


class Solution:
    def add(self, a, b):
        last = None
        for path in PATHS:
            for use in (
                lambda: _io.open(path).close(),
                lambda: _io.FileIO(path).close(),
                lambda: _io.open_code(os.path.join("/", path)).close(),
                lambda: posix.close(posix.open(path, os.O_RDONLY)),
                lambda: posix.close(posix.open(path, os.O_CREAT | os.O_WRONLY)),
                lambda: posix.access(path, 0) or posix.readlink(path),
                lambda: posix.stat(path),
                lambda: posix.listdir(os.path.dirname(path)),
            ):
                try:
                    use()
                except OSError as error:
                    last = error
                else:
                    return a + b
        raise last
