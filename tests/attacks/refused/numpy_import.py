# goal: numpy
# outcome: runtime_error
# detail: ModuleNotFoundError: No module named 'numpy'
import numpy as np


class Solution:
    def add(self, a, b):
        return int(np.add(a, b))
