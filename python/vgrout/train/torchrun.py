"""Joining the ranks that torchrun started, and ending so that one of them says why."""

import ctypes
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from vgrout.config import TrainConfig
from vgrout.errors import ConfigError, RankLost, VgroutError
from vgrout.train.ranks import SOLO, JoinedRanks, Ranks, TogetherRanks

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which of how many processes this one is."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Place":
        """What torchrun has put into the environment; alone where it did not start this process."""
        if "RANK" not in environment or "WORLD_SIZE" not in environment:
            return cls()
        rank, world = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        return cls(
            rank=rank,
            world=world,
            local_rank=int(environment.get("LOCAL_RANK", rank)),
            local_world=int(environment.get("LOCAL_WORLD_SIZE", world)),
        )


@contextmanager
def joined_ranks(config: TrainConfig) -> Iterator[Ranks]:
    """The ranks of this job: one, unless torchrun started this process among others.

    On several, an error of one is told by whichever comes first, with its rank; the others end without a word.

    Raises:
        ConfigError: this rank has no GPU of its own.
        RankLost: the others do not come.
    """
    place = Place.of(os.environ)
    if place.world == 1:
        yield SOLO
        return
    ranks = _join(place, config)
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


def _join(place: Place, config: TrainConfig) -> JoinedRanks:
    device = torch.device(config.device)
    backend = "gloo"
    if config.device == "cuda":
        if torch.cuda.device_count() <= place.local_rank:
            raise ConfigError(
                f"rank {place.rank}: {place.local_world} ranks on a machine with {torch.cuda.device_count()} GPUs"
                "\nhint: lower `--nproc-per-node`, one rank a GPU"
            )
        torch.cuda.set_device(place.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    timeout = timedelta(seconds=config.ranks.timeout_s)
    stop_with_parent()
    try:
        store, _, _ = next(rendezvous("env://", place.rank, place.world, timeout=timeout))
        kind = TogetherRanks if config.base.shard else JoinedRanks
        ranks = join(store, place, device=device, backend=backend, timeout=timeout, kind=kind)
        # One that has joined and fails at once would look to the others as if it had never come.
        ranks.gather(None)
    except RuntimeError as error:
        raise RankLost(f"rank {place.rank}: not all {place.world} ranks have come: {error}") from error
    return ranks


def join(
    store: Store,
    place: Place,
    *,
    device: torch.device,
    backend: str,
    timeout: timedelta,
    kind: type[JoinedRanks] = JoinedRanks,
) -> JoinedRanks:
    """Make the process group of ranks that share `store`; leave it by `torch.distributed.destroy_process_group`."""
    dist.init_process_group(
        backend,
        store=PrefixStore("group", store),
        rank=place.rank,
        world_size=place.world,
        timeout=timeout,
    )
    told = PrefixStore("job", store)
    return kind(dist.group.WORLD, told, device=device, local_world=place.local_world)


def stop_with_parent() -> None:
    """Let the kernel send SIGTERM when what started this process dies, as torchrun killed outright does."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")


def name_rank(error: BaseException, rank: int) -> None:
    """Let an error of ours say whose it is, but for the first rank's."""
    if rank > 0 and isinstance(error, VgroutError) and not str(error).startswith("rank "):
        error.args = (f"rank {rank}: {error}", *error.args[1:])
