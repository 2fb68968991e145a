# goal: a defaultdict of lists as a return value
# outcome: accepted
# test: Solution().groups(words=["eat", "tea", "tan", "ate", "nat", "bat"]) == {'aet': ['eat', 'tea', 'ate'], 'ant': ['tan', 'nat'], 'abt': ['bat']}
from collections import defaultdict


class Solution:
    def groups(self, words):
        groups = defaultdict(list)
        for word in words:
            groups["".join(sorted(word))].append(word)
        return groups
