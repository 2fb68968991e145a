# goal: quickselect with the shared, unseeded random module
# outcome: accepted
# test: Solution().kth(nums=[3, 2, 1, 5, 6, 4], k=2) == 5
# test: Solution().kth(nums=[3, 2, 3, 1, 2, 4, 5, 5, 6], k=4) == 4
import random


class Solution:
    def kth(self, nums, k):
        pivot = random.choice(nums)
        above = [n for n in nums if n > pivot]
        same = [n for n in nums if n == pivot]
        if k <= len(above):
            return self.kth(above, k)
        if k <= len(above) + len(same):
            return pivot
        return self.kth([n for n in nums if n < pivot], k - len(above) - len(same))
