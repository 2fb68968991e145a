# goal: typing constructs at module level and in signatures
# outcome: accepted
# test: Solution().total(items=[["a", 1], ["b", 2]]) == 3
from __future__ import annotations

from typing import Any, Callable, Generic, NamedTuple, Optional, Protocol, TypedDict, TypeVar, Union, overload

T = TypeVar("T")


class Item(NamedTuple):
    name: str
    count: int = 0


class Named(Protocol):
    name: str


class Row(TypedDict, total=False):
    name: str


class Box(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value

    @overload
    def get(self, default: None) -> T: ...
    @overload
    def get(self, default: T) -> T: ...
    def get(self, default: Optional[T] = None) -> T:
        return self.value if self.value is not None else default


class Solution:
    def total(self, items: list[Any]) -> Union[int, str]:
        read: Callable[[Any], Item] = lambda row: Item(*row)
        return Box(sum(read(item).count for item in items)).get(None)
