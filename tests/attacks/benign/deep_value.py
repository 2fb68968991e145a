# goal: a list 100 deep
# outcome: accepted
# test: Solution().nest(depth=60) == [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[60]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
class Solution:
    def nest(self, depth):
        value = [depth]
        for _ in range(depth):
            value = [value]
        return value
