# goal: read its own source file
# outcome: runtime_error
# detail: FileNotFoundError
class Solution:
    def add(self, a, b):
        with open(__file__) as file:
            return len(file.read()) * 0 + a + b
