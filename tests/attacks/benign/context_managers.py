# goal: with statements, contextlib, suppress, ExitStack, redirect_stdout
# outcome: accepted
# test: Solution().order() == (['in a', 'in b', 'out b', 'out a'], 'inside\n')
import io
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress


class Solution:
    def order(self):
        seen = []

        @contextmanager
        def step(name):
            seen.append("in " + name)
            try:
                yield name
            finally:
                seen.append("out " + name)

        with suppress(ZeroDivisionError), ExitStack() as stack:
            for name in "ab":
                stack.enter_context(step(name))
            1 / 0
        caught = io.StringIO()
        with redirect_stdout(caught):
            print("inside")
        return seen, caught.getvalue()
