"""Nodes of an answer's own making: whatever holds the fields natively is read, whatever runs is not."""

from collections.abc import Iterator

import pytest

from vgrout import GradeJob, Grader

MODES = ("gt_only", "run_tests", "eq_override", "exit_code", "stdout_marker", "sentinel", "file_marker")
INIT = "    def __init__(self, val=0, next=None):\n        self.val = val\n        self.next = next\n"
CLASSES = {
    "given": "",
    "plain": "class ListNode:\n" + INIT,
    "slots": "class ListNode:\n    __slots__ = ('val', 'next')\n" + INIT,
    "one slot": "class ListNode:\n    __slots__ = ('val', '__dict__')\n" + INIT,
    "inherited slot": "class Base:\n    __slots__ = ('val',)\nclass ListNode(Base):\n    __slots__ = ('next',)\n"
    + INIT,
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass ListNode:\n    val: int = 0\n    next: 'ListNode' = None\n",
    "dataclass with slots": "from dataclasses import dataclass\n@dataclass(slots=True)\nclass ListNode:\n    val: int = 0\n    next: 'ListNode' = None\n",
    "extended": "class ListNode(ListNode):\n    def __lt__(self, other):\n        return self.val < other.val\n    def __repr__(self):\n        return str(self.val)\n",
    "base": "class Node:\n    pass\nclass ListNode(Node):\n" + INIT,
    "abstract": "from abc import ABC\nclass ListNode(ABC):\n" + INIT,
    "generic": "from typing import Generic, TypeVar\nclass ListNode(Generic[TypeVar('T')]):\n" + INIT,
    "default": "class ListNode:\n    next = None\n    def __init__(self, val=0, next=None):\n        self.val = val\n        if next is not None:\n            self.next = next\n",
}
TURNED = """
class Solution:
    def turned(self, head):
        before = None
        while head:
            after = head.next
            head.next = before
            before, head = head, after
        return before
"""
TESTS = [
    f"assert is_same_list(Solution().turned(head=list_node({values})), list_node({values[::-1]}))"
    for values in ([1, 2, 3], [5, 5], [7])
]


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2) as opened:
        yield opened


def outcome(grader: Grader, code: str, mode: str = "gt_only") -> str:
    return grader.grade([GradeJob(f"```python\n{code}\n```", TESTS, mode=mode)])[0].outcome


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "eq_override"])
def test_every_way_to_write_a_node_class_is_accepted(grader: Grader, mode: str) -> None:
    found = {name: outcome(grader, code + TURNED, mode) for name, code in CLASSES.items()}
    assert found == dict.fromkeys(CLASSES, "accepted")


def test_nodes_of_a_subclass_and_of_the_given_class_count(grader: Grader) -> None:
    own = TURNED.replace("return before", "return self.copied(before)") + (
        "    def copied(self, node):\n        return Own(node.val, self.copied(node.next)) if node else None\n"
    )
    assert outcome(grader, "class Own(ListNode):\n    pass\n" + own) == "accepted"
    assert outcome(grader, "Own = ListNode\n" + CLASSES["slots"] + own) == "accepted"
    assert outcome(grader, "class Own:\n" + INIT + own) == "accepted"  # it has the fields that the test reads


def test_rings_and_unset_fields_are_wrong(grader: Grader) -> None:
    ring = TURNED.replace(
        "return before", "node = ListNode(1)\n        node.next = node\n        return node"
    )
    assert outcome(grader, CLASSES["slots"] + ring) == "wrong_answer"
    unset = TURNED.replace("return before", "del before.next\n        return before")
    assert outcome(grader, CLASSES["slots"] + unset) == "wrong_answer"
    no_node = TURNED.replace("return before", "before.next = 5\n        return before")
    assert outcome(grader, CLASSES["slots"] + no_node) == "wrong_answer"


@pytest.mark.parametrize(
    "field", ["next = property(lambda self: None)", "__getattr__ = lambda self, name: None"]
)
def test_fields_that_would_have_to_be_run_do_not_cross(grader: Grader, field: str) -> None:
    """The judge's nodes are the setup code's own class: what an answer's class makes up is not there."""
    code = f"class ListNode:\n    def __init__(self, val=0):\n        self.val = val\n    {field}\n"
    tests = ["n = Solution().made()\nassert n.val == 7", "n = Solution().made()\nn.next"]
    answer = code + "class Solution:\n    def made(self):\n        return ListNode(7)\n"
    verdict = grader.grade([GradeJob(f"```python\n{answer}\n```", tests)])[0]
    assert verdict.test_bitmap == [True, False]
