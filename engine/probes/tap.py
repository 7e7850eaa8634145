"""A forward hook that can sleep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class Tap:
    """Shows the outputs of one module to `see` while open; otherwise costs one comparison a pass.

    Open, it still leaves out passes without gradients: an evaluation in the middle of a step is not part of
    the step. A copied or pickled model carries a dead tap, not a copy of everything that looks at it.
    """

    def __init__(self, see: Callable[[Any], None] | None) -> None:
        self.see = see
        self.is_open = False
        self.without_grad = False
        self._handle: RemovableHandle | None = None

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Called by the module after each forward pass."""
        if self.is_open and self.see is not None and torch.is_grad_enabled() != self.without_grad:
            with torch.no_grad():
                self.see(output)

    def attach(self, module: nn.Module) -> Tap:
        """On the module from now on, closed."""
        self._handle = module.register_forward_hook(self)
        return self

    def remove(self) -> None:
        """Off the module."""
        if self._handle is not None:
            self._handle.remove()

    def __reduce__(self) -> tuple[type[Tap], tuple[None]]:
        return Tap, (None,)


def first_tensor(output: Any) -> Tensor | None:
    """The floating-point tensor of an output: itself, or the first in a tuple, list or mapping."""
    if isinstance(output, Tensor):
        return output.detach() if output.is_floating_point() and output.numel() else None
    parts = (
        output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    )
    return next((tensor for part in parts if (tensor := first_tensor(part)) is not None), None)


def attention_probabilities(output: Any) -> Tensor | None:
    """The attention weights of an output, shape (B, H, queries, keys).

    Either the output itself or, in the tuple of an attention module, the 4-D tensor behind the first entry.
    """
    parts = output[1:] if isinstance(output, tuple | list) else (output,)
    for part in parts:
        if isinstance(part, Tensor) and part.ndim == 4 and part.is_floating_point() and part.numel():
            return part.detach()
    return None
