"""This process among the others. Ranks reduce sums and counts, never means; rank 0 writes.

One process needs none of it: every reduction is then the identity.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class World:
    """Rank of this process and how many there are, as torchrun states them."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def writes(self) -> bool:
        """Whether this process owns the run folder."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Element-wise sum over all ranks."""
        assert self.size == 1, "more than one process is not supported yet"
        return values


def current_world() -> World:
    """The world that the launcher's environment describes; one process without a launcher."""
    return World(
        rank=int(os.environ.get("RANK", 0)),
        size=int(os.environ.get("WORLD_SIZE", 1)),
        local_rank=int(os.environ.get("LOCAL_RANK", 0)),
    )
