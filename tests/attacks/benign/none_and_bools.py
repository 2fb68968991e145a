# goal: None, True and False in every position
# outcome: accepted
# test: Solution().facts(n=0) == [None, True, False, {'a': None}, (True,)]
# test: Solution().nothing() is None
# test: Solution().yes()
# test: not Solution().no()
class Solution:
    def facts(self, n):
        return [None, not n, bool(n), {"a": None}, (True,)]

    def nothing(self):
        return None

    def yes(self):
        return True

    def no(self):
        return False
