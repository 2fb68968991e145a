# goal: exceptions that chain, nest and refer to themselves
# outcome: runtime_error
# pays: none


class Solution:
    def add(self, a, b):
        error = ValueError("first")
        for _ in range(2000):
            error = ExceptionGroup("group", [error])
        error.__context__ = error.__cause__ = KeyError(error)
        raise error
