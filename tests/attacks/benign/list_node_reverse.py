# goal: linked lists of the prelude, in and out
# outcome: accepted
# test: is_same_list(Solution().reverse(head=list_node([1, 2, 3])), list_node([3, 2, 1]))
# test: is_same_list(Solution().reverse(head=list_node([])), list_node([]))
class Solution:
    def reverse(self, head: Optional[ListNode]) -> Optional[ListNode]:
        before = None
        while head:
            head.next, before, head = before, head, head.next
        return before
