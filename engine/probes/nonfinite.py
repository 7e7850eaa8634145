"""nonfinite_site: where a number stopped being finite first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor

from flight_recorder.engine.distributed.shards import full_tensor, local_part
from flight_recorder.engine.probes import measured as host
from flight_recorder.engine.probes.gradient_norm import dense_part
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.probe import Probe, Step, Target


class NonfiniteProbe(Probe):
    """Looks for the site in the gradients of a step whose norm was not finite.

    On a device that cannot be known at once: there the norms of all gradients are kept, in the steps in which
    activations are.
    """

    group = "nonfinite"
    place = -1  # the first bad point of the forward pass says more than the gradients

    def __init__(self, named: Sequence[tuple[str, Tensor]]) -> None:
        self._named = named
        self._measured: list[Measured] = []

    @classmethod
    def attach(cls, target: Target) -> Self:
        """On the gradients of all trainable parameters."""
        return cls(target.named)

    def before_step(self, step: Step) -> None:
        """Forget the step before."""
        self._measured = []

    def after_backward(self, step: Step) -> None:
        """Look, where there is a norm that tells."""
        norm = step.grad_norm
        if norm is None:
            return
        if isinstance(norm, Tensor) and not host.on_host(norm):
            self._measured = gradient_sites(self._named) if "activation" in step.due else []
        elif not math.isfinite(float(norm)) and (site := nonfinite_gradient(self._named)):
            self._measured = [Measured(torch.empty(0), lambda _: {"nonfinite_site": site})]

    def read(self) -> list[Measured]:
        """`nonfinite_site`, where there is one."""
        return self._measured


def first_nonfinite(names: Sequence[str], values: Iterable[float]) -> str | None:
    """The first name, in the order of computation, whose value is NaN or infinite."""
    for name, value in zip(names, values, strict=True):
        if not math.isfinite(value):
            return name
    return None


def nonfinite_gradient(named: Sequence[tuple[str, Tensor]]) -> str | None:
    """The first tensor with a non-finite gradient in the order of the backward pass, last layer first.

    A NaN norm that has already been clipped by has spread into every gradient, as a NaN loss does: then no
    tensor is named. Reads every gradient and waits for the device: for a step whose norm was not finite.
    """
    gradients = [(name, parameter.grad) for name, parameter in reversed(named) if parameter.grad is not None]
    bad = [
        name
        for name, gradient in gradients
        if not bool(torch.isfinite(dense_part(full_tensor(gradient))).all())
    ]
    return _site(bad, len(gradients)) if bad else None


def gradient_sites(named: Sequence[tuple[str, Tensor]]) -> list[Measured]:
    """The same site without waiting for the device: one norm a tensor, judged once they are on the host."""
    known = [(name, parameter.grad) for name, parameter in reversed(named) if parameter.grad is not None]
    if not known:
        return []
    names = [name for name, _ in known]
    norms = torch.stack(torch._foreach_norm([dense_part(local_part(gradient)) for _, gradient in known]))

    def fields(numbers: list[float]) -> Fields:
        bad = [name for name, norm in zip(names, numbers, strict=True) if not math.isfinite(norm)]
        return {"nonfinite_site": _site(bad, len(names))} if bad else {}

    return [Measured(norms, fields)]


def _site(bad: list[str], num_gradients: int) -> str:
    return "gradients" if len(bad) == num_gradients else f"gradient of {bad[0]}"
