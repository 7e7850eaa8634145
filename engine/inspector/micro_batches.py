"""Which passes of a loop make a step together, in a loop that says only that a pass is over.

A step is an update. A pass without one is a micro-batch of an accumulated step, or the last of a step whose
update was skipped, as a loss scaler does with an overflow. Nothing here makes the host wait for a device once
the number of micro-batches is known from the steps before.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import torch
from torch import Tensor

from flight_recorder.engine.probes.gradient_norm import global_norm
from flight_recorder.engine.probes.measured import Fields

MOST = 1024
"""Passes without an update from which on they are steps of an optimizer that is not the one watched."""


class MicroBatches:
    """Collects what the loop says of each pass until the step is whole.

    Args:
        optimizer: the one whose update ends a step.
        wrapper: what the loop calls instead, if anything: that of accelerate knows which pass is the last.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, wrapper: Any) -> None:
        self._optimizer = optimizer
        self._gradient_state = getattr(wrapper, "gradient_state", None)
        self._num_in_step: int | None = None
        self._is_the_one = False
        self._has_updated = False
        self._versions = self._versions_now()
        self._passes: list[Fields] = []

    def see_update(self) -> None:
        """The optimizer has stepped."""
        self._has_updated = self._is_the_one = True

    def add(self, fields: Fields) -> tuple[Fields, bool] | None:
        """A pass is over, with its `loss` and whatever else is known of it.

        Returns:
            The fields of a whole step and whether its update was made, or None within a step.
        """
        self._passes.append(fields)
        has_updated = self._has_updated or self._others_have()
        if not has_updated and self._goes_on():
            return None
        passes, self._passes = self._passes, []
        self._num_in_step = len(passes)
        self._has_updated = False
        return _step_of(passes), has_updated

    def _goes_on(self) -> bool:
        """Whether a pass without an update is one of several, and not the end of a step that was skipped.

        A skipped step leaves gradients that are gone or not finite. They are looked at only where the number
        of passes does not tell: a NaN in the middle of a step is no skipped update.
        """
        if len(self._passes) >= MOST:
            return False
        if self._gradient_state is not None:
            return not self._gradient_state.sync_gradients
        gradients = [p.grad for p in self._parameters() if p.grad is not None]
        if not gradients:
            return False
        if self._num_in_step is not None and len(self._passes) < self._num_in_step:
            return True
        return math.isfinite(float(global_norm(gradients)))

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self._optimizer.param_groups for parameter in group["params"]]

    def _others_have(self) -> bool:
        """Whether parameters were changed in place though the watched optimizer has never stepped."""
        if self._is_the_one:
            return False
        before, self._versions = self._versions, self._versions_now()
        return self._versions != before

    def _versions_now(self) -> int:
        return sum(parameter._version for parameter in self._parameters())


def _step_of(passes: list[Fields]) -> Fields:
    """The mean of the losses, one hash for all batches, and of everything else what was said last."""
    last = {name: value for fields in passes for name, value in fields.items()}
    if len(passes) == 1:
        return last
    losses = [fields["loss"] for fields in passes]
    if any(isinstance(loss, Tensor) for loss in losses):
        last["loss"] = torch.stack([torch.as_tensor(loss, device=_device(losses)) for loss in losses]).mean()
    else:
        last["loss"] = sum(losses) / len(losses)
    hashes = [fields["batch_hash"] for fields in passes if "batch_hash" in fields]
    return last | ({"batch_hash": f"{zlib.crc32(''.join(hashes).encode()):08x}"} if hashes else {})


def _device(losses: list[float | Tensor]) -> torch.device:
    return next(loss.device for loss in losses if isinstance(loss, Tensor))
