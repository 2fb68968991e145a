# goal: a tree in, nested lists out, by a queue
# outcome: accepted
# test: Solution().levels(root=tree_node([3, 9, 20, None, None, 15, 7])) == [[3], [9, 20], [15, 7]]
# test: Solution().levels(root=tree_node([])) == []
class Solution:
    def levels(self, root: Optional[TreeNode]) -> List[List[int]]:
        rows, waiting = [], deque([root] if root else [])
        while waiting:
            rows.append([node.val for node in waiting])
            waiting = deque(child for node in waiting for child in (node.left, node.right) if child)
        return rows
