"""What a model, its optimizer and this process say about themselves: facts of a foreign loop's header."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from flight_recorder.engine.probes.measured import Fields


def header_facts(model: nn.Module, optimizer: torch.optim.Optimizer) -> Fields:
    """Header fields that model and optimizer know of themselves."""
    group = optimizer.param_groups[0]
    constants = {name: group[name] for name in ("betas", "eps", "weight_decay", "momentum") if name in group}
    device = device_of(model)
    dropouts = [float(part.p) for part in model.modules() if isinstance(part, nn.Dropout)]
    card = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return {
        "num_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "optimizer": {"name": type(optimizer).__name__, **constants},
        "device": f"{device.type}{card}",
        "dtype": str(next((p.dtype for p in model.parameters()), torch.float32)).removeprefix("torch."),
        "dropout": max(dropouts, default=0.0),
        "world_size": world_size(),
    }


def innermost(optimizer: Any) -> torch.optim.Optimizer:
    """The optimizer whose hooks run, without the wrappers of accelerate and others.

    Raises:
        TypeError: there is no torch optimizer inside.
    """
    while isinstance(getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
        optimizer = optimizer.optimizer
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is no torch optimizer; pass the one whose step you call")
    return optimizer


def device_of(model: nn.Module) -> torch.device:
    """Where the first parameter is."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def rank() -> int:
    """Of this process among those that train together; 0 if it trains alone."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if distributed else 0


def world_size() -> int:
    """How many processes train together."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if distributed else 1
