# goal: Counter as a return value and its arithmetic
# outcome: accepted
# test: Solution().count(text="mississippi") == {'m': 1, 'i': 4, 's': 4, 'p': 2}
# test: Solution().common(text="abracadabra") == [('a', 3), ('r', 2)]
from collections import Counter


class Solution:
    def count(self, text):
        return Counter(text)

    def common(self, text):
        return (Counter(text) - Counter("aab")).most_common(2)
