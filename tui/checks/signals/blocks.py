"""Means over 200 records, once every 20: long windows at a cost that does not grow with their length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

BLOCK = 20
"""Records in a block. Blocks are counted from row 0 of the log, so that cutting it changes nothing."""

_BLOCKS = 10


class LongMeans:
    """Remembers the means of the last blocks; the check's window must be BLOCK."""

    def __init__(self) -> None:
        self._past: Floats = np.empty(0)

    def take(self, view: View, name: str) -> tuple[Steps, Floats, Floats]:
        """For each block completed by the new rows: last step, mean of 200 rows, that of the 200 before.

        Nothing comes before 400 rows are there. A value that is not finite is left out of its block.
        """
        first = view.first_index - view.num_past
        lead = -first % BLOCK
        values, steps = view.with_past(name)[lead:], view.steps_with_past[lead:]
        count = len(values) // BLOCK
        if not count:
            return view.steps[:0], np.empty(0), np.empty(0)
        ends = steps[BLOCK - 1 : count * BLOCK : BLOCK]
        means = np.concatenate([self._past, _finite_means(values[: count * BLOCK].reshape(count, BLOCK))])
        self._past = means[-(2 * _BLOCKS - 1) :]
        ready = len(means) - 2 * _BLOCKS + 1
        if ready <= 0:
            return view.steps[:0], np.empty(0), np.empty(0)
        rolled = sum((means[k : len(means) - _BLOCKS + 1 + k] for k in range(_BLOCKS)), np.zeros(1)) / _BLOCKS
        return ends[count - ready :], rolled[_BLOCKS:], rolled[:-_BLOCKS]


def _finite_means(rows: Floats) -> Floats:
    finite = np.isfinite(rows)
    total = np.where(finite, rows, 0.0).sum(axis=1)
    counts = finite.sum(axis=1)
    return np.asarray(np.where(counts > 0, total / np.maximum(counts, 1), np.nan))
