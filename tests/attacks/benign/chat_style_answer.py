# goal: docstrings, type comments, long comments and example calls as models write them
# outcome: accepted
# test: Solution().twoSum(nums=[2, 7, 11, 15], target=9) == [0, 1]
from typing import Dict, List


class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
        """
        Finds two numbers that add up to `target`.

        Args:
            nums: the numbers
            target: their sum

        >>> Solution().twoSum([2, 7, 11, 15], 9)
        [0, 1]
        """
        seen: Dict[int, int] = {}  # value -> index
        for i, num in enumerate(nums):
            complement = target - num
            if complement in seen:
                return [seen[complement], i]
            seen[num] = i
        return []


# Example usage:
solution = Solution()
print(solution.twoSum([3, 2, 4], 6))  # [1, 2]
assert solution.twoSum([3, 3], 6) == [0, 1]
