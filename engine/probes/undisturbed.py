"""A look at a model from which nothing remains: modes, buffers, random numbers as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def undisturbed(model: nn.Module, *, evaluating: bool = True) -> Iterator[None]:
    """Inside, the model may be run; afterwards it and the random number generators are as before.

    Args:
        model: each module's own mode comes back, also where they differ.
        evaluating: put the model into evaluation mode inside; otherwise its modes stay, and buffers that a
            pass moves (running means of a batch norm) are put back.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()] if not evaluating else []
    devices = {parameter.device for parameter in model.parameters()}
    cuda = [device for device in devices if device.type == "cuda"]
    with torch.random.fork_rng(devices=cuda):
        try:
            if evaluating:
                model.eval()
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            with torch.no_grad():
                for buffer, copy in buffers:
                    buffer.copy_(copy)
