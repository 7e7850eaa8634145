"""A column brought to the width it is drawn at, with nothing lost that an eye must see.

A monitor must never smooth a spike away: of every cell of the drawing the smallest, the largest and the last
value stay, and every place where a value was not finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.series.axis import Axis
from flight_recorder.tui.series.columns import Column, Floats

Cuts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reduced:
    """One entry for each cell in which something was measured, in order of x.

    `x` is that of the cell's last value. A cell with nothing but NaN and infinities is NaN in `low`, `high`
    and `last`. `nonfinite` has one x for each cell with a NaN or an infinity in it: that of its first.
    """

    x: Floats
    low: Floats
    high: Floats
    last: Floats
    nonfinite: Floats


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a run that is drawn, in `len(cuts) - 1` cells.

    A value belongs to cell i when its step is at least `cuts[i]` and below `cuts[i + 1]`.
    """

    axis: Axis
    cuts: Cuts
    x_range: tuple[float, float]


def window_of(axis: Axis, first_step: int, last_step: int, width: int) -> Window:
    """The steps from first to last, both included, in `width` cells of equal length on x."""
    first, last = (float(x) for x in axis.x_of(np.array([first_step, last_step], np.float64)))
    inner = np.nan_to_num(axis.step_of(np.linspace(first, last, max(width, 1) + 1)[1:-1]))
    inner = np.ceil(np.clip(inner, first_step, last_step + 1)).astype(np.int64)
    # Where a clock was set back, cells would have negative lengths.
    cuts = np.concatenate(([first_step], np.maximum.accumulate(inner), [last_step + 1]))
    return Window(axis, cuts, (first, last))


def reduced(column: Column, window: Window) -> Reduced:
    """The column in the cells of the window, and one value more on each side where there is one.

    Those two let a line enter the picture from its edge. The cost is of the order of the width, however many
    values there are.
    """
    at = column.num_before(window.cuts)
    ends = np.array([max(at[0] - 1, 0), *at, min(at[-1] + 1, len(column))])
    return _reduced_between(column, window.axis, ends[:-1], ends[1:])


def _reduced_between(column: Column, axis: Axis, starts: Cuts, stops: Cuts) -> Reduced:
    filled = stops > starts
    starts, stops = starts[filled], stops[filled]
    pyramid, values = column.pyramid, column.values
    low, high = pyramid.extremes(values, starts, stops)
    last_at = pyramid.last_finite(starts, stops)
    has_value = last_at >= 0
    last = np.full(len(starts), np.nan)
    last[has_value] = values[last_at[has_value]]
    holes = pyramid.first_holes(starts, stops)
    return Reduced(
        axis.x_of(column.steps_at(stops - 1)),
        np.where(has_value, low, np.nan),
        np.where(has_value, high, np.nan),
        last,
        axis.x_of(column.steps_at(holes)),
    )


def highest_by_cell(column: Column, window: Window) -> Floats:
    """Largest value of each cell of the window: inf where one was not finite, NaN where none was measured."""
    at = column.num_before(window.cuts)
    starts, stops = at[:-1], at[1:]
    _, high = column.pyramid.extremes(column.values, starts, stops)
    high[np.searchsorted(stops, column.pyramid.first_holes(starts, stops), side="right")] = np.inf
    high[starts == stops] = np.nan
    return high
