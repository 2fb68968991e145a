# goal: write a file
# outcome: accepted
class Solution:
    def add(self, a, b):
        with open("/tmp/notes.txt", "w") as file:
            file.write(str(a + b))
        return a + b
