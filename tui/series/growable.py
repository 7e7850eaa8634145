"""An array that is appended to in amortised constant time."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.float64, np.int64)


class Growable(Generic[Scalar]):
    """Values of one type; `size` may be set lower to forget the newest ones."""

    def __init__(self, dtype: type[Scalar]) -> None:
        self._buffer: NDArray[Scalar] = np.empty(64, dtype)
        self.size = 0

    @property
    def view(self) -> NDArray[Scalar]:
        """What was appended, not a copy; valid until the next append."""
        return self._buffer[: self.size]

    def hold(self, values: NDArray[Scalar]) -> None:
        """Be these values, without a copy; the array is now this one's."""
        self._buffer, self.size = values, len(values)

    def append(self, values: NDArray[Scalar]) -> None:
        """Add these values at the end."""
        end = self.size + len(values)
        if end > len(self._buffer):
            grown = np.empty(max(end, 2 * len(self._buffer)), self._buffer.dtype)
            grown[: self.size] = self.view
            self._buffer = grown
        self._buffer[self.size : end] = values
        self.size = end
