"""The order of the data: a pure function of (seed, step), so that a resumed run reads on where it stopped.

A stream is cut into blocks of T + 1 tokens that overlap by one. Each epoch reads every block once, in an
order of its own and from an origin of its own, so that block borders do not always fall on the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from flight_recorder.engine.data.corpus import CorpusError, Ids, Stream

IGNORED = -1
"""Target of a position that does not count in the loss."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch.

    inputs, targets: (B, T) int64, targets are IGNORED where nothing counts.
    classes: (B, T) index of the target's sentence class, verb: (B, T) bool; None without classes.
    """

    inputs: Tensor
    targets: Tensor
    classes: Tensor | None = None
    verb: Tensor | None = None

    @property
    def num_targets(self) -> int:
        """Target tokens that count in the loss."""
        return int((self.targets != IGNORED).sum())

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device; the host does not wait for the copy."""
        if device.type == "cpu":
            return self
        return self._each(lambda tensor: _pinned(tensor, device).to(device, non_blocking=True))

    def share(self, rank: int, world_size: int) -> Batch:
        """The rows of one rank; all ranks together have each row once.

        A rank without a row gets the first one with no target that counts: where ranks compute together,
        all of them have to come.
        """
        first, end = _share(self.inputs.shape[0], rank, world_size)
        rows = self._each(lambda tensor: tensor[first:end])
        if first < end:
            return rows
        idle = self._each(lambda tensor: tensor[:1])
        return replace(idle, targets=torch.full_like(idle.targets, IGNORED))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        classes, verb = (None if t is None else change(t) for t in (self.classes, self.verb))
        return Batch(change(self.inputs), change(self.targets), classes, verb)


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """A GPU copies behind the host's back only from memory that cannot be paged out."""
    return tensor.pin_memory() if device.type == "cuda" and torch.cuda.is_available() else tensor


def _share(num_rows: int, rank: int, world_size: int) -> tuple[int, int]:
    """First row of a rank and of the next one."""
    return num_rows * rank // world_size, num_rows * (rank + 1) // world_size


@dataclass(frozen=True)
class BatchOrder:
    """Which blocks each micro-step of each rank reads.

    A micro-batch is shared out among the ranks: the same config reads the same data in the same order on
    any number of processes.
    """

    stream: Stream
    context: int
    batch_size: int
    accumulation: int = 1
    seed: int = 0
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.num_blocks < 1:
            raise CorpusError(
                f"the training split has {len(self.stream)} tokens, too few for one block of "
                f"{self.context} and its next token; use more text or a smaller model.context."
            )
        if self.batch_size < self.world_size:
            raise CorpusError(
                f"training.batch_size is {self.batch_size}, fewer sequences than the {self.world_size} "
                "processes that share them; raise it or start fewer processes."
            )

    @property
    def num_blocks(self) -> int:
        """Blocks in an epoch; one fewer than fit, to leave room for the moving origin."""
        whole = (len(self.stream) - 1) // self.context
        return max(whole - 1, min(whole, 1))

    @property
    def blocks_per_step(self) -> int:
        """Blocks that one optimizer step reads over all micro-steps and ranks."""
        return self.batch_size * self.accumulation

    @property
    def share(self) -> float:
        """Part of each micro-batch that this rank reads."""
        first, end = _share(self.batch_size, self.rank, self.world_size)
        return (end - first) / self.batch_size

    @property
    def steps_per_epoch(self) -> float:
        """Optimizer steps in one pass over the stream."""
        return self.num_blocks / self.blocks_per_step

    def batch(self, step: int, micro_step: int) -> Batch:
        """The micro-batch that this rank reads at (step, micro_step)."""
        turn = (step * self.accumulation + micro_step) * self.batch_size
        first, end = _share(self.batch_size, self.rank, self.world_size)
        return gather(self.stream, self.starts(range(turn + first, turn + end)), self.context)

    def step(self, step: int) -> list[Batch]:
        """All micro-batches of this rank at a step."""
        return [self.batch(step, micro_step) for micro_step in range(self.accumulation)]

    def starts(self, draws: Sequence[int]) -> list[int]:
        """First token of the blocks drawn at these places of the endless order."""
        room = (len(self.stream) - 1) - self.num_blocks * self.context
        return [self._start(draw, room) for draw in draws]

    def _start(self, draw: int, room: int) -> int:
        epoch, place = divmod(draw, self.num_blocks)
        order, origin = _epoch(self.seed, epoch, self.num_blocks, min(room, self.context - 1))
        return int(order[place]) * self.context + origin


@lru_cache(maxsize=4)
def _epoch(seed: int, epoch: int, num_blocks: int, room: int) -> tuple[Ids, int]:
    """Order of the blocks in an epoch and the token at which its first block begins."""
    rng = np.random.default_rng((seed, epoch))
    return rng.permutation(num_blocks), int(rng.integers(0, room + 1))


def gather(stream: Stream, starts: Sequence[int], context: int) -> Batch:
    """Blocks of a stream as a batch; what lies behind the stream's end is padding and is ignored."""
    at = np.asarray(starts)[:, None] + np.arange(context + 1)
    inside = at < len(stream)
    at = np.minimum(at, len(stream) - 1)
    tokens = stream.tokens[at].astype(np.int64, copy=False)
    targets = np.where(inside, tokens, IGNORED)[:, 1:]
    return Batch(
        torch.from_numpy(np.where(inside, tokens, 0)[:, :-1].copy()),
        torch.from_numpy(targets.copy()),
        None if stream.classes is None else torch.from_numpy(stream.classes[at][:, 1:].copy()),
        None if stream.verb is None else torch.from_numpy(stream.verb[at][:, 1:].copy()),
    )


def evaluation_batches(stream: Stream, context: int, batch_size: int, max_tokens: int) -> Iterator[Batch]:
    """Blocks spread evenly over the stream, at most `max_tokens` of them; the same ones at every call."""
    starts = np.arange(0, max(1, len(stream) - 1), context)
    wanted = max(1, max_tokens // context)
    if len(starts) > wanted:
        starts = starts[np.linspace(0, len(starts) - 1, wanted).round().astype(int)]
    for first in range(0, len(starts), batch_size):
        yield gather(stream, starts[first : first + batch_size].tolist(), context)
