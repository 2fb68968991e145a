# goal: a tree that shares its branches, 2^60 nodes by 60 objects
# modes: gt_only
# test: is_same_tree(Solution().tree(n=1), tree_node([1, 1]))
# outcome: bad_return_type,wrong_answer
# pays: none


class Solution:
    def tree(self, n):
        node = TreeNode(1)
        for _ in range(60):
            node = TreeNode(1, node, node)
        return node
