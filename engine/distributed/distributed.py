"""This process among the others. Ranks reduce sums and counts, never means; rank 0 writes.

The processes are torchrun's and talk through torch's own process group: gloo between hosts, NCCL between
GPUs. One process needs none of it: every reduction is then the identity.

A rank that dies closes its connections, and whoever talks to it next gets an error. The survivors then call
the roll in the launcher's store, which outlives them all, and end with a sentence that names who is missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")

ROLL_CALL_S = 5.0
"""Survivors notice a lost rank within milliseconds of each other; a busy machine needs more."""

_SIGNS_OF_A_LOST_PEER = ("gloo/", "[gloo]", "Connection closed by peer", "NCCL", "TCPStore")
"""gloo raises plain RuntimeErrors; what they have in common is the place in its source that they name."""


class RankLost(Exception):
    """Another rank died or no longer answers; the message says which."""


@dataclass(frozen=True, slots=True)
class RollCall:
    """Who answered after a connection was lost."""

    present: tuple[int, ...]
    missing: tuple[int, ...]
    last_words: dict[int, str] = field(default_factory=dict)
    """What missing ranks said of the error that ended them, by rank."""

    def __str__(self) -> str:
        for rank, words in self.last_words.items():
            return f"rank {rank} ended with {words}"
        if not self.missing:
            return "the connection between the ranks broke, though every rank is alive"
        if len(self.missing) == 1:
            return f"rank {self.missing[0]} died or does not answer any more"
        return f"one or more of the ranks {', '.join(map(str, self.missing))} died or do not answer any more"


@dataclass(slots=True)
class World:
    """Rank of this process and how many there are, as torchrun states them.

    Attributes:
        waited_s: seconds that the host spent in reductions so far, which is waiting for slower ranks.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    waited_s: float = 0.0
    store: Store | None = None

    @property
    def writes(self) -> bool:
        """Whether this process owns the run folder."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Element-wise sum over all ranks, in place; on a GPU the host does not wait for it."""
        if self.size > 1:
            with self.waiting():
                dist.all_reduce(values)
        return values

    def gather(self, value: T) -> list[T]:
        """The values of all ranks in their order; anything that can be pickled."""
        if self.size == 1:
            return [value]
        values: list[T] = [value] * self.size
        with self.waiting():
            dist.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Every rank has come this far."""
        self.sum(torch.zeros(1))

    def roll_call(self) -> RollCall:
        """Who is still there, to be asked after a lost connection; takes up to ROLL_CALL_S."""
        assert self.store is not None
        self.store.set(f"present/{self.rank}", "")
        deadline = time.monotonic() + ROLL_CALL_S
        ranks = range(self.size)
        while time.monotonic() < deadline and not self.store.check([f"present/{rank}" for rank in ranks]):
            time.sleep(0.05)
        present = tuple(rank for rank in ranks if self.store.check([f"present/{rank}"]))
        said = [rank for rank in ranks if self.store.check([f"last words/{rank}"])]
        return RollCall(
            present,
            tuple(rank for rank in ranks if rank not in present),
            {rank: self.store.get(f"last words/{rank}").decode() for rank in said},
        )

    def leave_word(self, error: Exception) -> None:
        """The others will know why this rank ends: its own error, which they cannot see."""
        if self.store is not None:
            self.store.set(f"last words/{self.rank}", f"{type(error).__name__}: {error}"[:500])

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The time inside is waited for other ranks."""
        started = time.perf_counter()
        yield
        self.waited_s += time.perf_counter() - started


def is_lost_peer(error: BaseException) -> bool:
    """Whether an error of torch says that another rank is gone, and not that something is wrong here."""
    if isinstance(error, torch.OutOfMemoryError) or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, dist.DistError) or any(sign in str(error) for sign in _SIGNS_OF_A_LOST_PEER)


@contextmanager
def joined_world(timeout_s: float) -> Iterator[World]:
    """The world that the launcher's environment describes; all its ranks are there inside.

    Args:
        timeout_s: longest wait for another rank before it counts as lost. A process that dies is noticed at
            once; this is for a machine that vanished from the network.

    Raises:
        RankLost: another rank died.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield World()
        return
    local_rank = int(os.environ.get("LOCAL_RANK", 0))
    store, rank, size = next(iter(rendezvous("env://")))
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank)
        backend = "cpu:gloo,cuda:nccl"
    group_store = PrefixStore("group", store)
    timeout = timedelta(seconds=timeout_s)
    dist.init_process_group(backend, store=group_store, rank=rank, world_size=size, timeout=timeout)
    world = World(rank, size, local_rank, store=PrefixStore("roll", store))
    try:
        yield world
    except RankLost:
        raise
    except Exception as error:
        if is_lost_peer(error):
            raise RankLost(f"{world.roll_call()}.") from None
        world.leave_word(error)
        raise
    world.barrier()  # the launcher ends all when one ends badly: nobody leaves before rank 0 has written
    dist.destroy_process_group()
