"""update: whether updates arrive, by a few elements of every tensor looked at around each of them.

The elements are views into the parameters, so that one call copies all of them. A parameter that has got
other memory since (a new tensor put in its place) is looked up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from flight_recorder.engine.distributed.shards import is_sharded
from flight_recorder.engine.probes import measured as host
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.probe import Probe, Step, Target

NUM_ELEMENTS = 8
"""Of each tensor, evenly spaced."""

SIMILAR = 0.1
"""An update must move something from this share of the largest rate on at which one has."""

OVERWRITTEN = 0.1
"""A change between updates from this share of one on is no rounding of weights that were swapped."""

_ZERO = torch.zeros(())


class UpdateProbe(Probe):
    """Compares the elements before and after each update, and with those after the update before."""

    group = "update"

    def __init__(self, target: Target, parameters: Sequence[Tensor]) -> None:
        self._cadence = target.cadence
        self._parameters = parameters
        self._is_coarse = all(parameter.element_size() < 4 for parameter in parameters)
        self._optimizer = target.optimizer
        self._addresses: list[int] = []
        self._views: list[Tensor] = []
        self._before: Tensor | None = None
        self._after: Tensor | None = None
        self._has_gradient: Tensor | None = None
        self._between: Tensor | None = None
        self._moved: Tensor | None = None
        self._last: tuple[Tensor, Tensor] | None = None
        self._rate = self._highest_rate = 0.0
        self._step: Step | None = None
        self._changes = self._gaps = 0
        self._counter: float | None = None
        self._has_fallen = False

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """On all parameters that train and are not empty."""
        parameters = [parameter for _, parameter in target.named if parameter.numel()]
        kinds = {(p.dtype, p.device) for p in parameters}
        is_whole = len(kinds) == 1 and not any(map(is_sharded, parameters))
        if not target.cadence.facts or target.optimizer is None or not is_whole:
            return None
        return cls(target, parameters)

    def before_step(self, step: Step) -> None:
        """Forget what was found in the step before."""
        self._step, self._moved, self._between, self._has_gradient = step, None, None, None

    def after_backward(self, step: Step) -> None:
        """The elements as the update finds them; between updates nobody should have written to them."""
        self._before = self._elements()
        if self._after is not None and host.on_host(self._before) and torch.equal(self._before, self._after):
            self._between = _ZERO
        elif self._after is not None and self._last is not None:
            self._between = _size(self._before, self._after) / _size(*self._last).clamp_min(1e-30)
        if self._is_coarse:
            self._has_gradient = torch.cat(
                [_gradient(p, view) for p, view in zip(*self._pairs(), strict=True)]
            )

    def after_update(self, step: Step) -> None:
        """The elements as the update leaves them."""
        if self._before is None:
            return
        optimizer = step.optimizer or self._optimizer
        assert optimizer is not None
        self._after = self._elements()
        found_inf = getattr(optimizer, "found_inf", None)
        is_skipped = isinstance(found_inf, Tensor) and bool(found_inf.sum())
        self._rate = 0.0 if is_skipped else max(float(group["lr"]) for group in optimizer.param_groups)
        self._count(optimizer)
        assert self._step is not None
        has_moved = not host.on_host(self._after) or not torch.equal(self._before, self._after)
        if has_moved:
            self._last = self._before, self._after
        is_noted = not host.on_host(self._after) or self._step.is_noted(self._cadence)
        if has_moved and not is_noted and self._between is _ZERO and not self._has_fallen:
            self._gaps += 1
            self._highest_rate = max(self._highest_rate, self._rate)
        else:
            self._moved = self._before != self._after

    def read(self) -> list[Measured]:
        """`update`, where it is noted or not as it should be."""
        if self._moved is None or self._step is None:
            return []
        noted, rate, step = self._step.is_noted(self._cadence), self._rate, self._step.number
        between = (
            self._moved.new_tensor(-1.0, dtype=torch.float32) if self._between is None else self._between
        )
        stuck = self._moved.new_tensor(0.0, dtype=torch.float32)
        if self._has_gradient is not None:
            stuck = (self._has_gradient & ~self._moved).sum() / self._has_gradient.sum().clamp_min(1)
        share = self._moved.float().mean()
        values = torch.stack([share, between.float(), stuck.float()])
        return [Measured(values, lambda numbers: self._told(noted, rate, step, *numbers))]

    def _told(
        self, noted: bool, rate: float, step: int, moved: float, between: float, stuck: float
    ) -> Fields:
        if moved > 0:
            self._highest_rate = max(self._highest_rate, rate)
        found: Fields = {"moved": moved, "lost": int(not moved and 0 < SIMILAR * self._highest_rate <= rate)}
        if between >= 0:
            self._gaps += 1
            self._changes += between > OVERWRITTEN
            found |= {"overwritten": between, "every": self._changes / self._gaps}
        if self._is_coarse and rate > 0:
            found["rounded"] = stuck
        is_off = found["lost"] or between > OVERWRITTEN
        counted = {"adam_step": int(self._counter)} if self._counter is not None and self._has_fallen else {}
        return counted | ({"update": found} if noted or is_off else {})

    def _count(self, optimizer: torch.optim.Optimizer) -> None:
        """Whether Adam's counter is below that of the update before: its state is new."""
        counter = optimizer.state.get(self._parameters[0], {}).get("step")
        if isinstance(counter, Tensor) and not host.on_host(counter):
            return
        before, self._counter = self._counter, None if counter is None else float(counter)
        self._has_fallen = before is not None and self._counter is not None and self._counter < before

    def _elements(self) -> Tensor:
        addresses = [parameter.data_ptr() for parameter in self._parameters]
        if addresses != self._addresses:
            self._addresses = addresses
            self._views = [_some(parameter.detach()) for parameter in self._parameters]
        return torch.cat(self._views)

    def _pairs(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        return self._parameters, self._views


def some_elements(parameters: Sequence[Tensor]) -> list[Tensor]:
    """A few elements of each."""
    return [_some(parameter.detach()) for parameter in parameters if parameter.numel()]


def _some(tensor: Tensor) -> Tensor:
    """A few elements as a view, or as a copy where the memory has no order that a view could follow."""
    flat = tensor.view(-1) if tensor.is_contiguous() else tensor.reshape(-1)
    return flat[:: max(1, flat.numel() // NUM_ELEMENTS)][:NUM_ELEMENTS]


def _size(one: Tensor, other: Tensor) -> Tensor:
    size: Tensor = torch.linalg.vector_norm((one - other).float())
    return size


def _gradient(parameter: Tensor, view: Tensor) -> Tensor:
    """Whether each of the elements has a gradient."""
    if parameter.grad is None or parameter.grad.is_sparse:
        return torch.zeros(view.shape, dtype=torch.bool, device=view.device)
    return _some(parameter.grad) != 0
