# goal: heapq with tuples and a counter
# outcome: accepted
# test: Solution().merge(lists=[[1, 4, 5], [1, 3, 4], [2, 6]]) == [1, 1, 2, 3, 4, 4, 5, 6]
# test: Solution().merge(lists=[[], [0]]) == [0]
import heapq
from typing import List


class Solution:
    def merge(self, lists: List[List[int]]) -> List[int]:
        heap = [(part[0], which, 0) for which, part in enumerate(lists) if part]
        heapq.heapify(heap)
        merged = []
        while heap:
            value, which, at = heapq.heappop(heap)
            merged.append(value)
            if at + 1 < len(lists[which]):
                heapq.heappush(heap, (lists[which][at + 1], which, at + 1))
        return merged
