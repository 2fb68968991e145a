# goal: read a file
# outcome: runtime_error
# detail: FileNotFoundError
class Solution:
    def add(self, a, b):
        with open("/etc/hostname") as file:
            return len(file.read()) * 0 + a + b
