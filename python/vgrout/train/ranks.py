"""The processes that train one run together, and all that they ever say to each other.

Every rank holds the whole adapter, the gate's buffer and the step's rows. What is costly, a forward or a backward over
a batch of rows, is made by one rank; its result goes to all. Which rank makes a batch changes neither the batch nor
the order in which results are put together, so on equal machines N ranks compute what one computes, bit for bit.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from vgrout.errors import RankLost, VgroutError

T = TypeVar("T")
R = TypeVar("R")


class Ranks:
    """A run of one process: nothing is shared, nothing is said. `JoinedRanks` are several."""

    rank = 0
    world = 1
    local_world = 1
    """Ranks on this machine, which share its processors."""

    @property
    def is_first(self) -> bool:
        """This rank writes the run's files and speaks to the user."""
        return self.rank == 0

    def each(self, items: Sequence[T], compute: Callable[[T], R]) -> list[R]:
        """`compute` of every item, in order; each rank makes its share, and all have every result.

        A result is a tensor, a plain value, or a tuple or list of these.
        """
        return [compute(item) for item in items]

    def backward(
        self, items: Sequence[T], compute: Callable[[T], R], parameters: Iterable[torch.nn.Parameter]
    ) -> list[R]:
        """As `each`, where `compute` also adds to the parameters' gradients: these end up as one process has them.

        That is their sum in the order of the items; whatever stands in `grad` before is dropped.
        """
        del parameters
        return self.each(items, compute)

    def gather(self, value: T) -> list[T]:
        """Every rank's value, by rank."""
        return [value]

    def from_first(self, value: T) -> T:
        """The first rank's value."""
        return value

    def first_to_tell(self) -> bool:
        """Whether no other rank has spoken of the job's end: of many that fail of one reason, one says so."""
        return True

    def check_same(self, what: str, value: object) -> None:
        """Every rank has this value.

        Raises:
            VgroutError: some have others; `what` names it. They do not hold one model any more.
        """
        values = self.gather(value)
        strange = [rank for rank, other in enumerate(values) if other != values[0]]
        if strange:
            raise VgroutError(
                f"ranks: {what} of ranks {strange} differ from the first one's, so they train different models"
                "\nhint: give every rank the same machine, packages and flags, then go on from the last checkpoint"
            )


SOLO = Ranks()
"""A run of one process."""


class JoinedRanks(Ranks):
    """Several processes, each of which calls the same methods in the same order.

    Raises, in every method:
        RankLost: another rank has ended or does not answer.
    """

    def __init__(self, group: Any, store: Any, *, device: torch.device, local_world: int = 1) -> None:
        """Speak through the process group about tensors on `device`; `store` holds who has spoken to the user."""
        self._group, self._store, self._device = group, store, device
        self.rank, self.world = group.rank(), group.size()
        self.local_world = local_world

    def each(self, items: Sequence[T], compute: Callable[[T], R]) -> list[R]:
        """`compute` of every item, in order: item i is made by rank i mod N."""
        return self._in_order([compute(item) for item in items[self.rank :: self.world]], len(items))

    def backward(
        self, items: Sequence[T], compute: Callable[[T], R], parameters: Iterable[torch.nn.Parameter]
    ) -> list[R]:
        """As `each`, with the gradients summed in the order of the items; a rank without an item still joins."""
        sums = GradientSum(list(parameters), self)
        results = []
        for start in range(0, len(items), self.world):
            made = min(self.world, len(items) - start)
            if self.rank < made:
                results.append(compute(items[start + self.rank]))
            sums.add(made)
        sums.finish()
        return self._in_order(results, len(items))

    def _in_order(self, results: list[R], count: int) -> list[R]:
        """Results of all ranks by item, tensors on the run's device."""
        found = self.gather(_moved(results, torch.device("cpu")))
        ordered = [found[place % self.world][place // self.world] for place in range(count)]
        moved: list[R] = _moved(ordered, self._device)
        return moved

    def gather(self, value: T) -> list[T]:
        """Every rank's value, by rank."""
        values: list[Any] = [None] * self.world
        with self._speaking():
            dist.all_gather_object(values, value, group=self._group)
        return values

    def from_first(self, value: T) -> T:
        """The first rank's value."""
        values: list[Any] = [value]
        with self._speaking():
            dist.broadcast_object_list(values, src=0, group=self._group)
        return values[0]  # type: ignore[no-any-return]

    def exchange(self, pieces: Tensor) -> Tensor:
        """Row k of `pieces` [N, n] goes to rank k; gives what came, row by sender."""
        received = torch.empty_like(pieces)
        with self._speaking():
            dist.all_to_all_single(received, pieces, group=self._group)
        return received

    def join(self, piece: Tensor) -> Tensor:
        """Every rank's piece [n], one behind the other."""
        pieces = [torch.empty_like(piece) for _ in range(self.world)]
        with self._speaking():
            dist.all_gather(pieces, piece, group=self._group)
        return torch.cat(pieces)

    def first_to_tell(self) -> bool:
        """Whether no other rank has told why the job ends; where nobody can be asked, it is."""
        try:
            return int(self._store.add("told", 1)) == 1
        except RuntimeError:
            return True

    def _speaking(self) -> "_Speaking":
        return _Speaking(self.rank)


class TogetherRanks(JoinedRanks):
    """Ranks of which each makes everything, because the model's forwards need all of them; the first one's results hold."""

    def each(self, items: Sequence[T], compute: Callable[[T], R]) -> list[R]:
        """`compute` of every item, in order."""
        results = [compute(item) for item in items]
        moved: list[R] = _moved(self.from_first(_moved(results, torch.device("cpu"))), self._device)
        return moved

    def backward(
        self, items: Sequence[T], compute: Callable[[T], R], parameters: Iterable[torch.nn.Parameter]
    ) -> list[R]:
        """As `each`, with the first rank's gradients."""
        parameters = list(parameters)
        for parameter in parameters:
            parameter.grad = None
        results = self.each(items, compute)
        for parameter in parameters:
            if parameter.grad is not None:
                with self._speaking():
                    dist.broadcast(parameter.grad, src=0, group=self._group)
        return results


class _Speaking(AbstractContextManager[None]):
    """Turns what torch raises where a rank is gone into `RankLost`."""

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RuntimeError):
            reason = str(error).strip().partition("\n")[0]
            raise RankLost(
                f"rank {self._rank}: another rank of the job has ended or does not answer: {reason}"
            ) from error


class GradientSum:
    """Sums gradients over ranks in a fixed order, at the traffic of one all-reduce a round.

    Each rank owns a slice of every bucket: a round sends each slice to its owner, which adds what came in the ranks'
    order, as one process adds batch after batch. At the end the slices are put together on every rank.
    """

    BUCKET = 1 << 25
    """Elements that travel together: 128 MiB in float32."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter], ranks: JoinedRanks) -> None:
        """Begin with no gradient."""
        self._ranks = ranks
        self._parameters = parameters
        self._buckets = _buckets(parameters, self.BUCKET)
        self._sums: list[Tensor | None] = [None] * len(self._buckets)
        self._present = [False] * len(parameters)
        for parameter in parameters:
            parameter.grad = None

    def add(self, made: int) -> None:
        """Take the gradients of a round in which the first `made` ranks had an item; drops them from `grad`."""
        for place, parameter in enumerate(self._parameters):
            self._present[place] |= parameter.grad is not None
        for number, bucket in enumerate(self._buckets):
            received = self._ranks.exchange(self._pieces(bucket))
            total = self._sums[number]
            for piece in received[:made]:
                total = piece.clone() if total is None else total.add_(piece)
            self._sums[number] = total
        for parameter in self._parameters:
            parameter.grad = None

    def finish(self) -> None:
        """Give every parameter its sum; one that got no gradient on any rank has none."""
        present = [any(flags) for flags in zip(*self._ranks.gather(self._present), strict=True)]
        for number, bucket in enumerate(self._buckets):
            total = self._sums[number]
            if total is None:
                continue
            flat, start = self._ranks.join(total), 0
            for place in bucket:
                parameter = self._parameters[place]
                if present[place]:
                    parameter.grad = flat[start : start + parameter.numel()].view_as(parameter).clone()
                start += parameter.numel()
            self._sums[number] = None

    def _pieces(self, bucket: Sequence[int]) -> Tensor:
        """The bucket's gradients end to end, zeros where there are none, cut into a row a rank."""
        size = sum(self._parameters[place].numel() for place in bucket)
        world, like = self._ranks.world, self._parameters[bucket[0]]
        flat = torch.zeros(-(-size // world) * world, dtype=like.dtype, device=like.device)
        start = 0
        for place in bucket:
            parameter = self._parameters[place]
            if parameter.grad is not None:
                flat[start : start + parameter.numel()] = parameter.grad.flatten()
            start += parameter.numel()
        return flat.view(world, -1)


def _buckets(parameters: Sequence[torch.nn.Parameter], size: int) -> list[list[int]]:
    """Places of neighbouring parameters of one type and device, about `size` elements together."""
    buckets: list[list[int]] = []
    filled = 0
    for place, parameter in enumerate(parameters):
        before = parameters[place - 1]
        alike = (before.dtype, before.device) == (parameter.dtype, parameter.device)
        if not buckets or not alike or filled + parameter.numel() > size:
            buckets.append([])
            filled = 0
        buckets[-1].append(place)
        filled += parameter.numel()
    return buckets


def _moved(value: Any, device: torch.device) -> Any:
    """The same values with every tensor on `device`."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple | list):
        return type(value)(_moved(entry, device) for entry in value)
    return value
