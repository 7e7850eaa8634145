"""An exponential moving average that grows with its series; drawn beside what was measured, never instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 128
"""Values averaged by one matrix product; between blocks the average is carried on."""


class MovingAverage:
    """The average with the weight of a value falling by 1 - 2 / (length + 1) with each value after it.

    The weights are divided by their sum, so that the first average is the first value; NaN and infinities
    have no weight.
    """

    def __init__(self, length: int) -> None:
        keep = 1 - 2 / (length + 1)
        age = np.arange(_BLOCK)[:, None] - np.arange(_BLOCK)
        self._weights = np.where(age >= 0, keep ** np.maximum(age, 0), 0.0)
        self._decay = keep ** np.arange(1, _BLOCK + 1)
        self._sums = np.zeros((2, 1))

    def extend(self, values: Floats) -> Floats:
        """The average at each of these values, which follow those given before; NaN where one is a hole."""
        finite = np.isfinite(values)
        parts = np.stack([np.where(finite, values, 0.0), finite.astype(np.float64)])
        sums = np.empty_like(parts)
        for first in range(0, parts.shape[1], _BLOCK):
            block = parts[:, first : first + _BLOCK]
            size = block.shape[1]
            own = block @ self._weights[:size, :size].T
            sums[:, first : first + size] = own + self._sums * self._decay[:size]
            self._sums = sums[:, first + size - 1 : first + size]
        result: Floats = np.divide(sums[0], sums[1], out=np.full(len(values), np.nan), where=finite)
        return result
