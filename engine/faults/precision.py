"""Half precision, emulated in single precision: its range is cut where a float16 would end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_recorder.engine.faults.fault import Fault

if TYPE_CHECKING:
    import torch
    from torch import nn

    from flight_recorder.engine.data.batches import Batch
    from flight_recorder.engine.model.model import GPT

FIRST_SCALE = 65_536.0
"""Loss scale at which PyTorch's own scaler begins."""


class Fp16Overflow(Fault):
    """Gradients leave the range of float16 at every loss scale, so that updates are skipped."""

    name = "fp16_overflow"
    cause = "fp16_overflow"
    default_strength = 1e12
    strengths = (1e12, 1e9)
    breaks = (
        "scaled gradients pass through float16, and from step 220 on they are {strength:g} times too large"
    )
    onset_step = 220
    deadline_step = 240
    num_steps = 280

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self.loss_scale = FIRST_SCALE
        self.num_skipped = 0
        self._skips = False

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Scale, round to float16, unscale; as PyTorch's scaler does, halve the scale at an overflow."""
        scale = self.loss_scale * (self.strength if step >= self.onset_step else 1.0)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        rounded = [(gradient * scale).half().float() for gradient in gradients]
        self._skips = not all(bool(part.isfinite().all()) for part in rounded)
        if self._skips:
            self.loss_scale /= 2
            self.num_skipped += 1
        for gradient, part in zip(gradients, rounded, strict=True):
            gradient.copy_(part / scale)

    def skips_update(self, step: int) -> bool:
        """When any gradient was not finite."""
        return self._skips

    def fields(self, step: int) -> dict[str, Any]:
        """The scaler's own state."""
        return {"loss_scale": self.loss_scale, "skipped_updates": self.num_skipped}


class Fp16Activations(Fault):
    """The residual stream leaves the range of float16 in the forward pass."""

    name = "fp16_activations"
    cause = "nan"
    also = ("fp16_overflow",)
    default_strength = 1e6
    strengths = (1e6,)
    breaks = "from step 60 on the last block's output passes through float16 at {strength:g} times its size"
    onset_step = 60
    deadline_step = 61

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._step = -1

    def model(self, model: GPT) -> None:
        """Stand behind the last block."""
        model.blocks[-1].register_forward_hook(self._narrow)

    def batch(self, step: int, batch: Batch) -> Batch:
        """Remember which step is running."""
        self._step = step
        return batch

    def _narrow(self, module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor | None:
        if not module.training or self._step < self.onset_step:
            return None
        return (output * self.strength).half().float() / self.strength
