"""Which data a step sees, over all ranks; without it no spike can be traced to its batch."""

from __future__ import annotations

from typing import Any

import torch

from flight_recorder.engine.data.batches import IGNORED, Batch
from flight_recorder.engine.distributed.distributed import World
from flight_recorder.engine.probes.batch_hash import batch_hash

COUNT_EVERY = 10
"""Steps between two counts of a batch's targets; step 1 is counted too, so that a fault shows at once."""


class BatchContent:
    """The micro-batches of one step, those of all ranks together.

    Attributes:
        num_targets: targets that count in the loss.
        num_tokens: positions.
        hash: eight hexadecimal digits; with several ranks their sum, each weighed by an odd number of its
            own, so that the same rows on other ranks are another batch.
    """

    def __init__(self, world: World, micro_batches: list[Batch]) -> None:
        self._world = world
        self._targets = torch.cat([batch.targets.flatten() for batch in micro_batches])
        self._counted = self._targets[self._targets != IGNORED]
        own = int(batch_hash(*(t for batch in micro_batches for t in (batch.inputs, batch.targets))), 16)
        # Exact in float64 up to a thousand ranks: 2^32 (CRC) x 2^11 (weight) x 2^10 (ranks).
        counts = [self._counted.numel(), self._targets.numel(), own * (2 * world.rank + 1)]
        self.num_targets, self.num_tokens, mixed = world.sum(
            torch.tensor(counts, dtype=torch.float64)
        ).tolist()
        self.hash = f"{int(mixed) % 2**32:08x}"

    @property
    def num_targets_here(self) -> int:
        """Targets of this rank that count."""
        return self._counted.numel()

    def fields(self, step: int, vocab_size: int) -> dict[str, Any]:
        """batch and batch_hash; at some steps, alike on every rank, what the targets are."""
        fields: dict[str, Any] = {"batch": step, "batch_hash": self.hash}
        if counts_targets(step):
            seen = self._world.sum(torch.bincount(self._counted, minlength=vocab_size).double())
            fields |= {
                "num_targets": int(self.num_targets),
                "num_tokens": int(self.num_tokens),
                "num_distinct_targets": int(seen.count_nonzero()),
            }
        return fields


def counts_targets(step: int) -> bool:
    """Whether a step's record tells more than the batch's name."""
    return step % COUNT_EVERY == 0 or step == 1
