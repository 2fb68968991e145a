# goal: bisect on a growing list
# outcome: accepted
# test: Solution().lengthOfLIS(nums=[10, 9, 2, 5, 3, 7, 101, 18]) == 4
# test: Solution().lengthOfLIS(nums=[7, 7, 7]) == 1
import bisect


class Solution:
    def lengthOfLIS(self, nums):
        tails = []
        for number in nums:
            at = bisect.bisect_left(tails, number)
            tails[at : at + 1] = [number]
        return len(tails)
