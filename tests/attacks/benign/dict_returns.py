# goal: dicts with keys of several types and nested dicts
# outcome: accepted
# test: Solution().index(words=["apple", "bob"]) == {'apple': {'length': 5, (0, 1): 'ap'}, 'bob': {'length': 3, (0, 1): 'bo'}, 1: None, None: [True]}
class Solution:
    def index(self, words):
        return {word: {"length": len(word), (0, 1): word[:2]} for word in words} | {1: None, None: [True]}
