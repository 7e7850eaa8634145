"""Extremes of blocks of a growing series, so that a million points draw as fast as a thousand.

Level k holds the smallest and largest finite value of every complete block of `FACTOR ** k` values. A
range is answered from its two ragged ends and the largest blocks between them: a logarithmic number of reads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.series.growable import Growable

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

FACTOR = 16
"""Values in a block of level 1. Larger saves memory (2 / FACTOR of the values), smaller saves reads."""

_OFFSETS = np.arange(2 * FACTOR)


class Pyramid:
    """Smallest, largest and last finite value of any range of positions, and where the others are.

    Attributes:
        size: values taken in so far.
        num_reads: values and blocks looked at by all questions so far; what the promise above is held to.
    """

    def __init__(self) -> None:
        self.size = 0
        self.num_reads = 0
        self._lows: list[Growable[np.float64]] = []
        self._highs: list[Growable[np.float64]] = []
        self._holes: Growable[np.int64] = Growable(np.int64)
        self._finite_before: Growable[np.int64] = Growable(np.int64)

    def extend(self, values: Floats) -> None:
        """Take in what `values` has beyond `size`; the earlier ones must be those already known."""
        if len(values) == self.size:
            return
        holes = self.size + np.flatnonzero(~np.isfinite(values[self.size :]))
        self._finite_before.append(holes - np.arange(self._holes.size, self._holes.size + len(holes)))
        self._holes.append(holes)
        self.size = len(values)
        self._grow(self._lows, np.minimum, values, np.inf)
        self._grow(self._highs, np.maximum, values, -np.inf)

    def keep(self, size: int) -> None:
        """Forget everything from position `size` on."""
        self.size = min(self.size, size)
        self._holes.size = int(np.searchsorted(self._holes.view, self.size))
        self._finite_before.size = self._holes.size
        for levels in (self._lows, self._highs):
            num_blocks = self.size
            for level in levels:
                num_blocks //= FACTOR
                level.size = num_blocks

    def extremes(self, values: Floats, starts: Positions, stops: Positions) -> tuple[Floats, Floats]:
        """Smallest and largest finite value at the positions from `starts` to before `stops`.

        Infinity and minus infinity where there is none.
        """
        low, high = np.full(len(starts), np.inf), np.full(len(starts), -np.inf)
        below = values, values
        for level in [*zip(self._lows, self._highs, strict=True), None]:
            up, down = -(-starts // FACTOR), stops // FACTOR
            small = (stops - starts < 2 * FACTOR) | (up >= down) | (level is None)
            for first, end in (
                (starts, np.where(small, stops, up * FACTOR)),
                (np.where(small, stops, down * FACTOR), stops),
            ):
                self._read(low, high, below, first, end)
            if level is None or small.all():
                break
            starts, stops = np.where(small, 0, up), np.where(small, 0, down)
            below = level[0].view, level[1].view
        return low, high

    def last_finite(self, starts: Positions, stops: Positions) -> Positions:
        """Position of the last finite value from `starts` to before `stops`; -1 where there is none."""
        last = stops - 1
        if self._holes.size:
            rank = np.searchsorted(self._holes.view, last)
            rank_in = np.minimum(rank, self._holes.size - 1)
            is_hole = self._holes.view[rank_in] == last
            # Neighbouring holes have the same number of finite values before them: that finds the first one.
            run_start = np.searchsorted(self._finite_before.view, self._finite_before.view[rank_in])
            last = np.where(is_hole, self._holes.view[np.minimum(run_start, rank_in)] - 1, last)
        return np.where(last >= starts, last, -1)

    def first_holes(self, starts: Positions, stops: Positions) -> Positions:
        """Position of the first NaN or infinity of each range that has one."""
        if not self._holes.size:
            return np.empty(0, np.int64)
        rank = np.searchsorted(self._holes.view, starts)
        found = self._holes.view[np.minimum(rank, self._holes.size - 1)]
        within: Positions = found[(found >= starts) & (found < stops)]
        return within

    def _grow(self, levels: list[Growable[np.float64]], pick: np.ufunc, values: Floats, empty: float) -> None:
        below: Floats = values
        finite_below = False
        depth = 0
        while len(below) >= FACTOR:
            if depth == len(levels):
                levels.append(Growable(np.float64))
            level = levels[depth]
            end = len(below) // FACTOR
            fresh = below[level.size * FACTOR : end * FACTOR]
            if not finite_below:
                fresh = np.where(np.isfinite(fresh), fresh, empty)
            level.append(pick.reduce(fresh.reshape(-1, FACTOR), axis=1))
            below, finite_below, depth = level.view, True, depth + 1

    def _read(
        self, low: Floats, high: Floats, below: tuple[Floats, Floats], first: Positions, end: Positions
    ) -> None:
        """Widen the extremes by those of ranges that are at most 2 * FACTOR long."""
        widest = int((end - first).max(initial=0))
        if widest <= 0:
            return
        lows, highs = below
        at = first[:, None] + _OFFSETS[:widest]
        inside = at < end[:, None]
        self.num_reads += int(inside.sum())
        at = np.minimum(at, len(lows) - 1)
        if lows is highs:  # the values themselves, of which some are not finite; blocks tell of finite ones
            read = lows[at]
            inside &= np.isfinite(read)
            read_low = read_high = read
        else:
            read_low, read_high = lows[at], highs[at]
        np.minimum(low, np.where(inside, read_low, np.inf).min(axis=1), out=low)
        np.maximum(high, np.where(inside, read_high, -np.inf).max(axis=1), out=high)
