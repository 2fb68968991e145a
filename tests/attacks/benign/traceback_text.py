# goal: traceback, inspect and warnings as a debugging habit
# outcome: accepted
# test: Solution().report() == (True, ['self'])
import inspect
import traceback
import warnings


class Solution:
    def report(self):
        warnings.warn("old", DeprecationWarning)
        try:
            {}["key"]
        except KeyError:
            text = traceback.format_exc()
        return "KeyError: 'key'" in text, list(inspect.signature(Solution.report).parameters)
