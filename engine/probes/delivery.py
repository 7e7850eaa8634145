"""Records whose numbers are still on the device, handed over later and whole, without waiting for them.

On a GPU the host runs ahead of the device; asking for one number stops it until the device has caught up.
So the numbers of several steps stay there, cross together in one copy into pinned memory, and become
records once that copy is known to have ended. In host memory the same path has an interval of one step and
nothing to wait for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from flight_recorder.engine.probes.measured import Fields, Measured, packed, scalar, unpacked

INTERVAL_STEPS = 10
"""Steps in one copy from a device."""


@dataclass(slots=True)
class _Waiting:
    """One record: what the host knows, and what its numbers on the device will mean."""

    record: Fields
    measured: list[Measured]


@dataclass(slots=True)
class _Shipment:
    """Some records, with their numbers on the way to the host."""

    records: list[_Waiting]
    numbers: Tensor
    arrived: torch.cuda.Event | None = None
    sizes: list[int] = field(default_factory=list)

    def has_arrived(self) -> bool:
        return self.arrived is None or bool(self.arrived.query())  # type: ignore[no-untyped-call]


class Delivery:
    """Takes records in the order of their steps and gives them back in that order.

    Attributes:
        num_copies: copies from the device to the host so far.
    """

    def __init__(self, device: torch.device, *, interval_steps: int | None = None) -> None:
        self.interval_steps = interval_steps or (1 if device.type == "cpu" else INTERVAL_STEPS)
        self.num_copies = 0
        self._waiting: list[_Waiting] = []
        self._packed: list[Tensor] = []
        self._shipments: deque[_Shipment] = deque()

    def put(self, record: Fields, measured: Sequence[Measured] = ()) -> None:
        """Add a record. Values of it that are tensors of one element count as measured."""
        known = {name: value for name, value in record.items() if not isinstance(value, Tensor)}
        late = [scalar(name, value) for name, value in record.items() if isinstance(value, Tensor)]
        waiting = _Waiting(known, [*late, *measured])
        self._waiting.append(waiting)
        if waiting.measured:
            self._packed.append(packed(waiting.measured))
        if len(self._waiting) >= self.interval_steps:
            self._ship()

    def ready(self, *, wait: bool = False) -> list[Fields]:
        """The records that are whole by now; with `wait`, all of them."""
        if wait:
            self._ship()
        records: list[Fields] = []
        while self._shipments and (wait or self._shipments[0].has_arrived()):
            records += _opened(self._shipments.popleft())
        return records

    def _ship(self) -> None:
        if not self._waiting:
            return
        sizes = [sum(each.values.numel() for each in one.measured) for one in self._waiting]
        numbers, arrived = self._copied()
        self._shipments.append(_Shipment(self._waiting, numbers, arrived, sizes))
        self._waiting, self._packed = [], []

    def _copied(self) -> tuple[Tensor, torch.cuda.Event | None]:
        if not self._packed:
            return torch.empty(0), None
        values = torch.cat(self._packed)
        self.num_copies += 1
        if values.device.type != "cuda":
            return values.cpu(), None
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        host.copy_(values, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record(torch.cuda.current_stream(values.device))
        return host, arrived


def _opened(shipment: _Shipment) -> list[Fields]:
    if shipment.arrived is not None:
        shipment.arrived.synchronize()
    numbers: list[Any] = shipment.numbers.tolist()
    records, start = [], 0
    for waiting, size in zip(shipment.records, shipment.sizes, strict=True):
        # What a probe measured wins over what the host guessed: the first bad point over the gradients.
        records.append(waiting.record | unpacked(waiting.measured, numbers[start : start + size]))
        start += size
    return records
