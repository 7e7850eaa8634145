"""nonfinite_site: where a number stopped being finite first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from flight_recorder.engine.distributed.shards import part_here, whole
from flight_recorder.engine.probes.gradient_norm import dense_part
from flight_recorder.engine.probes.measured import Fields, Measured


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
        name for name, gradient in gradients if not bool(torch.isfinite(dense_part(whole(gradient))).all())
    ]
    return _site(bad, len(gradients)) if bad else None


def gradient_sites(named: Sequence[tuple[str, Tensor]]) -> list[Measured]:
    """The same site without waiting for the device: one norm a tensor, judged once they are on the host."""
    known = [(name, parameter.grad) for name, parameter in reversed(named) if parameter.grad is not None]
    if not known:
        return []
    names = [name for name, _ in known]
    norms = torch.stack(torch._foreach_norm([dense_part(part_here(gradient)) for _, gradient in known]))

    def fields(numbers: list[float]) -> Fields:
        bad = [name for name, norm in zip(names, numbers, strict=True) if not math.isfinite(norm)]
        return {"nonfinite_site": _site(bad, len(names))} if bad else {}

    return [Measured(norms, fields)]


def _site(bad: list[str], num_gradients: int) -> str:
    return "gradients" if len(bad) == num_gradients else f"gradient of {bad[0]}"
