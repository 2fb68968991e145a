# goal: a ListNode that extends the given one, with nodes of the given class beside its own
# outcome: accepted
# test: is_same_list(Solution().twice(head=list_node([1, 2])), list_node([1, 2, 1, 2]))
Given = ListNode


class ListNode(Given):
    def __lt__(self, other):
        return self.val < other.val

    def __repr__(self):
        return f"{self.val} -> {self.next!r}"


class Solution:
    def twice(self, head):
        values, node = [], head
        while node:
            values.append(node.val)
            last, node = node, node.next
        for value in values:
            last.next = last = Given(value)
        return head
