# goal: a Solution that is an object which answers every attribute and every call with itself
# outcome: bad_return_type
# pays: eq_override


class Everything:
    def __call__(self, *_, **__):
        return self

    def __getattr__(self, name):
        return self

    def __eq__(self, other):
        return True

    __hash__ = None


Solution = Everything()
