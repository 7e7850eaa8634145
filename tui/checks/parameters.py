"""The constants of a measure or a signal: keyword-only arguments with a default, found where they are used.

    def mean_grad_norm_under_loss(view: View, *, least_loss: float = 0.1) -> Readings: ...

Each of them stands in TREE.md and can be set in a thresholds file. A number that can move a verdict and is
written anywhere else cannot be.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

Value = float | int
"""What a parameter can be set to."""


def parameters_of(measure: Callable[..., Any]) -> dict[str, Value]:
    """Name and default of each parameter of a function, or of a class's `__init__`, in their order."""
    signature = inspect.signature(measure)
    return {
        name: argument.default
        for name, argument in signature.parameters.items()
        if argument.kind is inspect.Parameter.KEYWORD_ONLY and isinstance(argument.default, int | float)
    }


def in_words(parameters: Mapping[str, Value]) -> str:
    """The parameters as TREE.md and `tui explain` list them, "window = 24, sigmas = 2"."""
    return ", ".join(f"{name} = {value:g}" for name, value in parameters.items())
