"""A line as dots: for every column of dots the rows from the highest to the lowest dot that is set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.drawing.axis import AxisRange, x_share
from flight_recorder.tui.panels.figure import Floats, Line

Dots = NDArray[np.bool_]


def dots_of(
    line: Line, x_range: tuple[float, float], scale: AxisRange, num_rows: int, num_columns: int
) -> Dots:
    """The dots of a line, shape (num_rows, num_columns), row 0 at the top.

    Every column is set from its smallest to its largest value, and neighbours are joined, so that a line has
    no gap unless a column holds nothing finite.
    """
    top = np.full(num_columns, num_rows, np.int64)
    bottom = np.full(num_columns, -1, np.int64)
    at, low, high, last = _by_column(line, x_range, num_columns)
    low, high, last = (1 - scale.fraction(np.stack([low, high, last]))) * (num_rows - 1)
    inside = np.isfinite(last) & (at > -0.5) & (at < num_columns - 0.5)
    columns = np.rint(at[inside]).astype(np.int64)
    top[columns] = np.rint(np.minimum(high, last)[inside])
    bottom[columns] = np.rint(np.maximum(low, last)[inside])
    for first, end in _finite_runs(last):
        _join(at[first:end], last[first:end], top, bottom)
    rows = np.arange(num_rows)[:, None]
    result: Dots = (rows >= top) & (rows <= bottom)
    return result


def column_positions(x: Floats, x_range: tuple[float, float], num_columns: int) -> Floats:
    """Where x is, in columns; whole numbers are the centres of columns, the last x is in the last column."""
    share = x_share(x, x_range)
    inside = (share >= 0) & (share <= 1)
    whole = np.minimum(np.floor(np.clip(share, 0, 1) * num_columns), num_columns - 1)
    outside: Floats = np.where(inside, whole, share * num_columns - 0.5)
    return outside


def _by_column(line: Line, x_range: tuple[float, float], num_columns: int) -> tuple[Floats, ...]:
    """The line with at most one entry a column: where it is, smallest, largest, last value."""
    if not len(line.x):
        return (np.empty(0),) * 4
    at = column_positions(line.x, x_range, num_columns)
    if not np.isfinite(at).all():  # an entry without a place, where x was measured and is no number
        return _by_column(_placed(line, np.isfinite(at)), x_range, num_columns)
    starts = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
    ends = np.append(starts[1:], len(at)) - 1
    low, high = np.fmin.reduceat(line.low, starts), np.fmax.reduceat(line.high, starts)
    last = np.where(np.isfinite(line.last[ends]), line.last[ends], high)
    return at[starts], low, high, last


def _placed(line: Line, kept: NDArray[np.bool_]) -> Line:
    return replace(line, x=line.x[kept], low=line.low[kept], high=line.high[kept], last=line.last[kept])


def _finite_runs(values: Floats) -> list[tuple[int, int]]:
    """(first, end) of every stretch without NaN."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.isfinite(values), [False]))))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _join(at: Floats, rows: Floats, top: NDArray[np.int64], bottom: NDArray[np.int64]) -> None:
    """Lengthen the columns so that those of one stretch touch: each reaches half-way to its neighbours."""
    first = max(0, int(np.ceil(at[0])))
    columns = np.arange(first, min(len(top) - 1, int(np.floor(at[-1]))) + 1)
    if len(at) < 2 or not len(columns):
        return
    edges = np.interp(np.append(columns - 0.5, columns[-1] + 0.5), at, rows)
    upper = np.floor(np.minimum(edges[:-1], edges[1:]) + 0.5).astype(np.int64)
    lower = np.floor(np.maximum(edges[:-1], edges[1:]) + 0.5).astype(np.int64)
    # The row at which a neighbour goes on belongs to one of the two: a slope stays one dot thick.
    lower = np.where(lower > upper, lower - 1, lower)
    top[columns] = np.minimum(top[columns], upper)
    bottom[columns] = np.maximum(bottom[columns], lower)
