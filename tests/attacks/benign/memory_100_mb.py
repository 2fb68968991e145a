# goal: 100 MB of numbers, well below the limit
# outcome: accepted
# modes: gt_only
# test: Solution().big(n=3000000) == (4498500000, 50000000)
class Solution:
    def big(self, n):
        numbers = list(range(n))
        return sum(numbers[::1000]), len(bytearray(50_000_000))
