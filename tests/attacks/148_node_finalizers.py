# goal: run while nodes are read, by finalizers of garbage and the collector's callbacks
# limits: default
# modes: gt_only
# problem: chain
# outcome: wrong_answer
# prints: ran 0 times
# pays: none
import gc
import sys

RUNS = []


class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


class Garbage:
    def __del__(self):
        change()


def change(*_):
    frame = sys._getframe(1)
    while frame.f_code.co_name in {"change", "__del__"}:
        frame = frame.f_back
    if frame.f_code.co_name == "oracle" and frame.f_locals.get("value") is not None:
        RUNS.append(1)


class Solution:
    def chain(self, n):
        if n == 9:
            print("ran", len(RUNS), "times")
        gc.callbacks.append(change)
        gc.set_threshold(1, 1, 1)
        first = None
        for _ in range(5_000):
            first = ListNode([], first)
            garbage = Garbage()
            garbage.itself = garbage
        return first
