# goal: a megabyte of text as a value
# outcome: accepted
# test: Solution().many(n=3) == "abcabcabc"
# test: Solution().length(n=300000) == 900000
class Solution:
    def many(self, n):
        return "abc" * n

    def length(self, n):
        return len(self.many(n))
