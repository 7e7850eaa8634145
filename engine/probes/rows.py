"""rows: how many rows the newest batch has, and how many of them are there more than once."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from flight_recorder.engine.probes.contract import Watch, outermost
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.probe import Probe, Step, Target

MOST_ELEMENTS = 256
"""Of a row, evenly spaced, by which it is told from others."""

FEWEST_ELEMENTS = 8
"""Of rows with less than these, or of one value alone, some are alike without a fault."""


class RowsProbe(Probe):
    """Looks at the first input of the model in the first pass of a step in which facts are noted."""

    group = "rows"

    def __init__(self, target: Target) -> None:
        self._cadence = target.cadence
        self._is_open = False
        self._numbers: Tensor | None = None
        self._handles: list[RemovableHandle] = []

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On the model as a whole."""
        if not target.cadence.facts:
            return None
        probe = cls(target)
        probe._handles = [Watch(probe._see).attach(outermost(target.model))]
        return probe

    def close(self) -> None:
        """Off the model."""
        for handle in self._handles:
            handle.remove()

    def before_step(self, step: Step) -> None:
        """The next pass with a gradient is looked at, where facts are noted."""
        self._is_open, self._numbers = step.is_noted(self._cadence), None

    def after_backward(self, step: Step) -> None:
        """No pass from now on is part of the step."""
        self._is_open = False

    def read(self) -> list[Measured]:
        """`rows` of the pass that was seen."""
        numbers, self._numbers = self._numbers, None
        return [] if numbers is None else [Measured(numbers, _told)]

    def _see(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._is_open and torch.is_grad_enabled():
            found = next(
                (one for one in inputs if isinstance(one, Tensor) and one.ndim > 1 and len(one)), None
            )
            if found is not None:
                self._is_open = False
                with torch.no_grad():
                    self._numbers = counted(found.detach())


def counted(batch: Tensor) -> Tensor:
    """Rows, and rows that are there more than once, (2,); -1 for the second where it would tell nothing."""
    flat = _some_of(batch)
    if flat.shape[1] < FEWEST_ELEMENTS:
        return torch.tensor([len(batch), -1.0], device=batch.device)
    sums = row_sums(batch).sort().values
    same = sums[1:] == sums[:-1]
    edge = same.new_zeros(1)
    repeated = (torch.cat([same, edge]) | torch.cat([edge, same])) & ((flat != flat[:, :1]).any(1).any())
    return torch.stack([repeated.new_tensor(len(batch), dtype=torch.float64), repeated.sum().double()])


def row_sums(batch: Tensor) -> Tensor:
    """A number for each row, by which it is told from others; of the same row always the same."""
    words = _some_of(batch).double().contiguous().view(torch.int64)
    odd = torch.arange(words.shape[1], device=words.device) * 2 + 1
    sums = (words * (odd * -0x61C8864680B583EB)).sum(1)
    return sums ^ (sums >> 29)


def _some_of(batch: Tensor) -> Tensor:
    flat = batch.reshape(len(batch), -1)
    return flat[:, :: -(-flat.shape[1] // MOST_ELEMENTS)]


def _told(numbers: list[float]) -> Fields:
    rows, repeated = (int(number) for number in numbers)
    return {"rows": {"rows": rows} | ({"repeated": repeated} if repeated >= 0 else {})}
