# goal: a sliding window on a deque
# outcome: accepted
# test: Solution().window(nums=[1, 3, -1, -3, 5, 3, 6, 7], k=3) == [3, 3, 5, 5, 6, 7]
from collections import deque


class Solution:
    def window(self, nums, k):
        waiting, found = deque(), []
        for index, number in enumerate(nums):
            while waiting and nums[waiting[-1]] <= number:
                waiting.pop()
            waiting.append(index)
            if waiting[0] <= index - k:
                waiting.popleft()
            if index >= k - 1:
                found.append(nums[waiting[0]])
        return found
