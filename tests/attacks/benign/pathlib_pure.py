# goal: os.path and pathlib on names, without touching a file
# outcome: accepted
# test: Solution().parts(path="/a/b/../c.tar.gz") == ['/a/c.tar.gz', 'c.tar.gz', ['.tar', '.gz'], '/a/b/..', 'a/b']
import os
from pathlib import PurePosixPath


class Solution:
    def parts(self, path):
        pure = PurePosixPath(path)
        return [
            os.path.normpath(path),
            os.path.basename(path),
            pure.suffixes,
            pure.parent.as_posix(),
            os.sep.join("ab"),
        ]
