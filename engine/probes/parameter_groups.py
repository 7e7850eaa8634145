"""parameter_groups: which tensors the optimizer decays and which it does not."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from flight_recorder.engine.probes.points import unwrapped


def parameter_groups(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Per optimizer group: weight_decay, num_tensors, num_matrices (2-D and more), num_vectors, names.

    A tensor that the model does not know by name is left out of `names` and counted all the same.
    """
    names = {id(parameter): name for name, parameter in unwrapped(model).named_parameters()}
    return [_row(group, names) for group in optimizer.param_groups]


def _row(group: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    parameters = group["params"]
    num_matrices = sum(parameter.ndim >= 2 for parameter in parameters)
    return {
        "weight_decay": float(group.get("weight_decay", 0.0)),
        "num_tensors": len(parameters),
        "num_matrices": num_matrices,
        "num_vectors": len(parameters) - num_matrices,
        "names": [names[id(parameter)] for parameter in parameters if id(parameter) in names],
    }
