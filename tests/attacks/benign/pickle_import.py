# goal: a standard module that is loaded only where it is imported
# outcome: accepted
import pickle


class Solution:
    def add(self, a, b):
        return pickle.loads(pickle.dumps(a + b))
