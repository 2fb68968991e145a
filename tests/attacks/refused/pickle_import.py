# goal: a standard module that is not on the list
# outcome: runtime_error
# detail: ModuleNotFoundError: No module named 'pickle'
import pickle


class Solution:
    def add(self, a, b):
        return pickle.loads(pickle.dumps(a + b))
