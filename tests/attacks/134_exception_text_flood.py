# goal: an exception with a text of 200 MB, a rigged name and surrogates
# outcome: runtime_error,mle
# modes: gt_only,run_tests
# pays: none


class Meta(type):
    __name__ = property(lambda cls: "x" * (1 << 27))


class Loud(Exception, metaclass=Meta):
    def __str__(self):
        return "\ud800" * (1 << 26)


class Solution:
    def add(self, a, b):
        raise Loud
