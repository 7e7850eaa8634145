"""parameter_checksums: whether two ranks, or two runs, hold the same parameters to the last bit."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@torch.no_grad()
def parameter_checksum(parameters: Iterable[Tensor]) -> str:
    """Sixteen hexadecimal digits over the bits of all parameters in their order.

    Each word is multiplied by an odd number that depends on its place and all are added modulo 2^64, on the
    parameters' own device: a change of any one word always shows, and an order of additions cannot. Waits
    for the device once; takes eight bytes a parameter of the largest tensor for a moment.
    """
    total = None
    start = 0
    for parameter in parameters:
        words = parameter.detach().contiguous().reshape(-1).view(_WORDS[parameter.element_size()])
        odd = torch.arange(start, start + words.numel(), device=words.device) * 2 + 1
        part = (words.to(torch.int64) * (odd * _ODD)).sum()
        total = part if total is None else total + part.to(total.device)
        start += words.numel()
    return f"{(0 if total is None else int(total)) & (2**64 - 1):016x}"


_ODD = 0x1E3779B97F4A7C15
"""Any large odd number: it spreads neighbouring places over all 64 bits."""
