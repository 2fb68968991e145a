# goal: an own ListNode with slots, made of a dataclass, beside nodes of a subclass with an order of their own
# outcome: accepted
# test: is_same_list(Solution().merge(rows=[[1, 4], [2], [3, 5]]), list_node([1, 2, 3, 4, 5]))
# test: is_same_list(Solution().turned(head=list_node([1, 2, 3])), list_node([3, 2, 1]))
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Optional


@dataclass(slots=True)
class ListNode:
    val: int = 0
    next: Optional["ListNode"] = None


class Ordered(ListNode):
    __slots__ = ()

    def __lt__(self, other):
        return self.val < other.val


class Solution:
    def merge(self, rows):
        waiting = [Ordered(value) for row in rows for value in row]
        heapify(waiting)
        start = last = ListNode()
        while waiting:
            last.next = last = heappop(waiting)
            if last.val < 0:
                heappush(waiting, last)
        return start.next

    def turned(self, head):
        before = None
        while head:
            head.next, before, head = before, head, head.next
        return before
