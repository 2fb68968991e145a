# goal: a solution that defines ListNode once more, as many answers do
# outcome: accepted
# test: is_same_list(Solution().merge(one=list_node([1, 3]), two=list_node([2])), list_node([1, 2, 3]))
from typing import Optional


class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


class Solution:
    def merge(self, one: Optional[ListNode], two: Optional[ListNode]) -> Optional[ListNode]:
        start = last = ListNode()
        while one and two:
            if one.val <= two.val:
                last.next, one = one, one.next
            else:
                last.next, two = two, two.next
            last = last.next
        last.next = one or two
        return start.next
