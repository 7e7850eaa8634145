"""What a probe hands over: numbers that may still be on the device, and what they will mean on the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers of one probe in one step.

    `values` is 1-D and stays on its device until someone copies it. `fields` turns the copied numbers into
    fields of a record (names of engine.runlog.schema); it runs on the host and touches no tensor.
    `is_batch_mean` marks means over the batch: where several ranks share a batch, each has those of its part.
    """

    values: Tensor
    fields: Callable[[list[float]], Fields]
    is_batch_mean: bool = False


def on_host(tensor: Tensor) -> bool:
    """Whether the host may look at the values at once. Elsewhere it would have to wait for the device."""
    return tensor.device.type == "cpu"


def kept(value: float | Tensor) -> float | Tensor:
    """The number at once where nothing has to be waited for, otherwise safe from what the loop does next."""
    if not isinstance(value, Tensor):
        return float(value)
    return value.item() if on_host(value) else value.detach().clone()


def scalar(name: str, value: Tensor, *, integer: bool = False) -> Measured:
    """A field that is a single number."""

    def fields(numbers: list[float]) -> Fields:
        return {name: int(numbers[0]) if integer else numbers[0]}

    return Measured(value.detach().reshape(1), fields)


def packed(measured: Sequence[Measured]) -> Tensor:
    """All values in one 1-D tensor on the device of the first, so that they cross to the host together.

    Counts travel as float64 where the device has it: float32 would round them from 2^24 on.
    """
    held = [each.values for each in measured if each.values.numel()]
    if not held:
        return torch.empty(0)
    device = held[0].device
    count = torch.float32 if device.type == "mps" else torch.float64
    wide = [values if values.dtype.is_floating_point else values.to(count) for values in held]
    return torch.cat([values.to(device, non_blocking=True) for values in wide])


def unpacked(measured: Sequence[Measured], numbers: list[float]) -> Fields:
    """The fields of all probes from the numbers of `packed`."""
    fields: Fields = {}
    start = 0
    for each in measured:
        end = start + each.values.numel()
        fields.update(each.fields(numbers[start:end]))
        start = end
    return fields
