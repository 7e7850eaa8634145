"""weights: statistics of every tensor as the run starts from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.distributed.shards import full_tensor
from flight_recorder.engine.probes.points import unwrapped


def initial_weights(
    model: nn.Module, declared_std: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Name, role, shape, mean, std, min and max of each parameter; `declared_std` where it is known.

    The standard deviation is that of the population (divided by n), so that one element has 0 and not NaN.
    """
    model = unwrapped(model)
    declared = declared_std or {}
    rows = []
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(path, recurse=False):
            row = {"name": name, "role": role(module, name, parameter), "shape": list(parameter.shape)}
            row |= _statistics(full_tensor(parameter.detach()))
            rows.append(row | ({"declared_std": declared[name]} if name in declared else {}))
    return _each_once(model, rows)


def role(module: nn.Module, name: str, parameter: Tensor) -> str:
    """linear, embedding, norm or bias: what the parameter is, and so how it should start."""
    kind = type(module).__name__.lower()
    leaf = name.rpartition(".")[2]
    if leaf.endswith("bias"):
        return "bias"
    if "embedding" in kind or (parameter.ndim >= 2 and ("embed" in leaf or leaf.startswith("pos"))):
        return "embedding"
    return "norm" if "norm" in kind or parameter.ndim < 2 else "linear"


def _each_once(model: nn.Module, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the model's order, a tensor shared by two modules under its first name."""
    by_name = {row["name"]: row for row in rows}
    return [by_name[name] for name, _ in model.named_parameters()]


def _statistics(parameter: Tensor) -> dict[str, float]:
    wide = parameter.to(torch.promote_types(parameter.dtype, torch.float32))
    if not wide.numel():
        return {}
    std, mean = torch.std_mean(wide, correction=0)
    numbers = torch.stack([mean, std, wide.amin(), wide.amax()]).tolist()
    return dict(zip(("mean", "std", "min", "max"), numbers, strict=True))
