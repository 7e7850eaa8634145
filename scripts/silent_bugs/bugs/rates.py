"""The learning rate goes another way than the one that was declared."""

from __future__ import annotations

from typing import Any

import torch

from scripts.silent_bugs.bugs.losses import Accumulates
from scripts.silent_bugs.training import Training


class Declared(Training):
    """Warm-up and cosine by a scheduler of torch, declared to the Inspector."""

    calls_per_step = 1

    def told(self) -> dict[str, Any]:
        schedule = {"family": "cosine", "lr_max": self.lr, "lr_min": 0.0, "warmup_steps": 0}
        return super().told() | {"schedule": schedule | {"total_steps": self.num_steps}}

    def make(self) -> None:
        super().make()
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, self.num_steps)

    def set_rate(self) -> None:
        """The scheduler does it."""

    def update(self) -> None:
        super().update()
        for _ in range(self.calls_per_step):
            self.scheduler.step()


class SteppedTwice(Declared):
    """The prepared scheduler steps once for each of two processes."""

    calls_per_step = 2


class NeverStepped(Declared):
    """The scheduler exists and nobody calls it."""

    calls_per_step = 0


class PerMicroBatch(Accumulates, Declared):
    """The scheduler steps at each of four micro-batches."""

    calls_per_step = 4


class PerStep(Accumulates, Declared):
    """It steps once an update."""


class PerEpoch(Declared):
    """It steps once an epoch of 40 steps."""

    def update(self) -> None:
        Training.update(self)
        if self.step % 40 == 39:
            self.scheduler.step()


class Rises(Training):
    """The multiplier of the decay is the progress and not what is left of it."""

    def rate(self, step: int) -> float:
        return self.lr * (0.05 + 0.95 * step / self.num_steps)


class LossScaleGone(Training):
    """Gradients overflow at every step, are never cleared, and the loss scale is halved to nothing."""

    def make(self) -> None:
        super().make()
        self.scale = 2.0**16

    def update(self) -> None:
        overflows = self.step >= 40
        if overflows:
            self.model.head.weight.grad[0, 0] = float("inf")
            self.scale /= 2
            return
        super().update()

    def tell(self, loss: torch.Tensor, norm: Any, batch: Any) -> None:
        self.inspector.step(loss=loss, grad_norm=norm, loss_scale=self.scale, batch=batch[0])


class LossScaleHolds(LossScaleGone):
    """One overflow, one skipped update, one halving, as healthy runs have them."""

    def update(self) -> None:
        if self.step == 40:
            self.model.head.weight.grad[0, 0] = float("inf")
            self.scale /= 2
            self.optimizer.zero_grad()
            return
        Training.update(self)
