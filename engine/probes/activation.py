"""activation: mean absolute value over batch, time and width at every measured point."""

from __future__ import annotations

from functools import partial
from typing import Self

import torch
from torch import Tensor

from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.nonfinite import first_nonfinite
from flight_recorder.engine.probes.probe import Probe, Step, Target
from flight_recorder.engine.probes.tap import first_tensor


class ActivationProbe(Probe):
    """Sizes of the outputs of the measured points during one step.

    With several micro-batches in a step the number is the mean over them. One pass over each output, and
    nothing is kept but one number a point and micro-batch.
    """

    group = "activation"

    def __init__(self, layers: tuple[str, ...]) -> None:
        self.layers = layers
        self._means: list[list[Tensor]] = []
        self._mean_squares: list[list[Tensor]] = []
        self._with_rms = False
        self._scratch: Tensor | None = None

    @classmethod
    def attach(cls, target: Target) -> Self:
        """On the outputs of the layers."""
        probe = cls(tuple(target.points.layers))
        for index, module in enumerate(target.points.layers.values()):
            target.taps.add(cls.group, module, first_tensor, partial(probe.see, index))
        return probe

    def before_step(self, step: Step) -> None:
        """Forget the step before."""
        self._means = [[] for _ in self.layers]
        self._mean_squares = [[] for _ in self.layers]
        self._with_rms = step.with_rms

    def see(self, layer: int, output: Tensor) -> None:
        """One output of the measured point number `layer`, of any shape."""
        if (
            self._scratch is None
            or self._scratch.shape != output.shape
            or self._scratch.dtype != output.dtype
        ):
            self._scratch = torch.empty_like(output)
        # Into memory at hand: fresh pages for every output would take longer than the arithmetic. The mean is
        # taken in float32 because bfloat16 has two digits.
        sizes = torch.abs(output, out=self._scratch)
        self._means[layer].append(sizes.mean(dtype=_wide(output)))
        if self._with_rms:
            self._mean_squares[layer].append(output.square().mean(dtype=_wide(output)))

    def read(self) -> list[Measured]:
        """`activation` (and `activation_rms`), in the order of the layers; nothing if one was not reached."""
        if not self._means or not all(self._means):
            return []
        measured = [Measured(_mean_over_micro_batches(self._means), self._activation, is_batch_mean=True)]
        if self._with_rms:
            rms = _mean_over_micro_batches(self._mean_squares).sqrt()
            measured.append(Measured(rms, lambda numbers: {"activation_rms": numbers}))
        return measured

    def _activation(self, numbers: list[float]) -> Fields:
        site = first_nonfinite(self.layers, numbers)
        return {"activation": numbers} | ({"nonfinite_site": site} if site else {})


def _wide(output: Tensor) -> torch.dtype:
    return torch.float64 if output.dtype == torch.float64 else torch.float32


def _mean_over_micro_batches(seen: list[list[Tensor]]) -> Tensor:
    device = seen[0][0].device
    if all(len(values) == 1 for values in seen):
        return torch.stack([values[0].to(device) for values in seen])
    return torch.stack([torch.stack(values).mean().to(device) for values in seen])
