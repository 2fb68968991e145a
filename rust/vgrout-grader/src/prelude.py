import bisect
import collections
import datetime
import functools
import heapq
import itertools
import math
import operator
import random
import re
import string
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import *
from operator import *
from string import *
from typing import *

# The star imports above would hide the built-in three-argument pow.
from builtins import abs, pow

inf = float("inf")


class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right


def list_node(values):
    first = None
    for value in reversed(values or []):
        first = ListNode(value, first)
    return first


def is_same_list(one, other):
    while one and other and one.val == other.val:
        one, other = one.next, other.next
    return one is None and other is None


def tree_node(values):
    if not values:
        return None
    root = TreeNode(values[0])
    waiting = deque([root])
    rest = iter(values[1:])
    for left in rest:
        if not waiting:
            break
        parent = waiting.popleft()
        if left is not None:
            parent.left = TreeNode(left)
            waiting.append(parent.left)
        right = next(rest, None)
        if right is not None:
            parent.right = TreeNode(right)
            waiting.append(parent.right)
    return root


def is_same_tree(one, other):
    pairs = [(one, other)]
    while pairs:
        one, other = pairs.pop()
        if one is None and other is None:
            continue
        if one is None or other is None or one.val != other.val:
            return False
        pairs += [(one.left, other.left), (one.right, other.right)]
    return True
