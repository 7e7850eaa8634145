"""norm_audit: the gradient's norm at the update beside the norm that the loop reports and clips by."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.probe import Probe, Step, Target

ROUNDING = 0.02
"""A ratio this close to 1 is 1: gradients in bfloat16, and the 1e-6 that clipping adds."""

OTHERS = "the optimizer that is watched holds only a part of the parameters that have a gradient"


class NormAuditProbe(Probe):
    """What the update finds must have the smaller of the reported norm and the clip value as its norm."""

    group = "norm_audit"

    def __init__(self, target: Target) -> None:
        self._cadence = target.cadence
        self._clip = float(target.declared.get("grad_clip") or 0.0)
        self._named = target.named
        self._step: Step | None = None
        self._is_part = False
        self._has_spoken = False

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """Wherever facts are wanted: whether there is a norm to audit shows in the steps."""
        return cls(target) if target.cadence.facts else None

    def after_backward(self, step: Step) -> None:
        """What is audited is there once the loop has told its norm."""
        self._step = step if step.norms is not None else None
        if step.is_noted(self._cadence):
            self._is_part = len(step.normed) < sum(p.grad is not None for _, p in self._named)

    def read(self) -> list[Measured]:
        """`norm_audit`, where it is noted or the ratio is not 1."""
        step, self._step = self._step, None
        if step is None or step.reported is None or step.grad_norm is None:
            return []
        if self._is_part:
            return self._silent()
        noted, told = step.is_noted(self._cadence), (step.grad_norm, step.reported)
        if not any(isinstance(value, Tensor) for value in told):
            fields = self._told(noted, *map(float, told))
            return [Measured(torch.empty(0), lambda _: fields)] if fields else []
        values = [
            torch.as_tensor(value).detach().reshape(1).double() for value in (step.grad_norm, step.reported)
        ]
        device = next((v.device for v in values if v.device.type != "cpu"), values[0].device)
        return [
            Measured(torch.cat([v.to(device) for v in values]), lambda numbers: self._told(noted, *numbers))
        ]

    def _told(self, noted: bool, norm: float, reported: float) -> Fields:
        is_clipped = 0 < self._clip < reported
        expected = self._clip if is_clipped else reported
        if not expected < float("inf") or not norm < float("inf"):
            return {}
        if not self._clip and norm < reported:
            return {}  # clipped at a value that is not known
        ratio = norm / expected if expected else float("inf") if norm else 1.0
        if not noted and abs(ratio - 1) <= ROUNDING:
            return {}
        return {
            "norm_audit": {"ratio": ratio, "clipped": int(is_clipped), "norm": norm, "reported": reported}
        }

    def _silent(self) -> list[Measured]:
        if self._has_spoken:
            return []
        self._has_spoken = True
        return [Measured(torch.empty(0), lambda _: {"norm_audit": {"reason": OTHERS}})]
