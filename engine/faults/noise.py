"""Random numbers in the place of data, a function of the step alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from flight_recorder.engine.data.batches import Batch


def random_like(tokens: torch.Tensor, step: int) -> torch.Tensor:
    """Uniform numbers in the shape of `tokens`, a function of the step alone."""
    import torch

    return torch.rand(tokens.shape, generator=torch.Generator().manual_seed(step))


def noised(batch: Batch, step: int, share: float) -> Batch:
    """The batch with a share of its tokens replaced by random ones that the batch may hold."""
    highest = int(batch.inputs.max()) + 1
    drawn, other = random_like(batch.inputs, 2 * step), random_like(batch.inputs, 2 * step + 1)
    noise = (other * highest).long()
    return replace(
        batch,
        inputs=noise.where(drawn < share, batch.inputs),
        targets=noise.roll(-1, 1).where(drawn.roll(-1, 1) < share, batch.targets),
    )
