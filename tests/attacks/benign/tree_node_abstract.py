# goal: a TreeNode below an abstract base and a generic one, with defaults that the class holds
# outcome: accepted
# test: is_same_tree(Solution().inverted(root=tree_node([1, 2, 3])), tree_node([1, 3, 2]))
# test: is_same_tree(Solution().chain(n=3), tree_node([3, 2, None, 1]))
from abc import ABC
from typing import Generic, TypeVar

T = TypeVar("T")


class Node(ABC, Generic[T]):
    left = None
    right = None


class TreeNode(Node[int]):
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        if left is not None:
            self.left = left
        if right is not None:
            self.right = right


class Solution:
    def inverted(self, root):
        if root:
            root.left, root.right = self.inverted(root.right), self.inverted(root.left)
        return root

    def chain(self, n):
        return TreeNode(n, self.chain(n - 1)) if n else None
