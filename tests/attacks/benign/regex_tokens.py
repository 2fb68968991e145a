# goal: re: named groups, split, sub with a function, lookaround, flags
# outcome: accepted
# test: Solution().parse(text="x1 = 3*(y + 12)") == [('name', 'x1'), ('sign', '='), ('number', '3'), ('sign', '*'), ('sign', '('), ('name', 'y'), ('sign', '+'), ('number', '12'), ('sign', ')')]
# test: Solution().camel(text="snake_case_name") == ['snakeCaseName', ['snake', 'Case', 'Name'], ['a', 'c']]
import re

TOKEN = re.compile(r"(?P<name>[a-z]\w*)|(?P<number>\d+)|(?P<sign>[-+*/()=])|\s+", re.IGNORECASE | re.VERBOSE)


class Solution:
    def parse(self, text):
        return [(match.lastgroup, match[0]) for match in TOKEN.finditer(text) if match.lastgroup]

    def camel(self, text):
        once = re.sub(r"_(\w)", lambda match: match[1].upper(), text)
        return [once, re.split(r"(?<=[a-z])(?=[A-Z])", once), re.findall(r"\b\w", "ab cd")]
