# goal: trees of the prelude, in and out
# outcome: accepted
# test: is_same_tree(Solution().invert(root=tree_node([4, 2, 7, 1, 3, 6, 9])), tree_node([4, 7, 2, 9, 6, 3, 1]))
# test: is_same_tree(Solution().invert(root=tree_node([2, 1])), tree_node([2, None, 1]))
# test: is_same_tree(Solution().invert(root=None), None)
class Solution:
    def invert(self, root: Optional[TreeNode]) -> Optional[TreeNode]:
        if root:
            root.left, root.right = self.invert(root.right), self.invert(root.left)
        return root
