"""Layers as a heat strip: one row a layer, time across, for more layers than lines can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.drawing.axis import HUGE, AxisRange
from flight_recorder.tui.panels.figure import Floats
from flight_recorder.tui.series.reduce import Window, highest_by_cell

if TYPE_CHECKING:
    from flight_recorder.tui.panels.panel import Trace

_LOG_FROM = 10.0
"""Ratio of largest to smallest value from which on the shades go by ratio."""


def rows(traces: Sequence[Trace], window: Window) -> tuple[tuple[str, Floats], ...]:
    """(layer, value of each cell), in the order of the layers; a measurement holds until the next one."""
    return tuple((trace.name, _held(highest_by_cell(trace.column, window))) for trace in traces)


def _held(values: Floats) -> Floats:
    """The values with those between the first and the last measured cell filled from their left."""
    measured = np.flatnonzero(~np.isnan(values))
    if not len(measured):
        return values
    latest = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    held: Floats = np.where(latest < 0, np.nan, values[latest])
    held[measured[-1] + 1 :] = np.nan
    return held


def offender(traces: Sequence[Trace]) -> str:
    """The layer whose newest value is furthest from the middle one by ratio; NaN is furthest of all."""
    newest = np.abs([float(trace.column.values[-1]) for trace in traces])
    if not np.isfinite(newest).all():
        return traces[int(np.argmin(np.isfinite(newest)))].name
    tiny = np.finfo(np.float64).tiny
    ratio = np.log(np.maximum(newest, tiny)) - np.log(max(float(np.median(newest)), tiny))
    return traces[int(np.argmax(np.abs(ratio)))].name


def ends(table: Floats) -> tuple[float, float]:
    """Smallest and largest finite value, within what an axis can hold."""
    values = np.clip(table[np.isfinite(table)], -HUGE, HUGE)
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


def shades(table: Floats, most: int) -> NDArray[np.int64]:
    """0 to `most` - 1 from the smallest value to the largest, `most` if not finite, -1 if not measured."""
    finite = np.isfinite(table)
    low, high = ends(table)
    axis = AxisRange("log" if low > 0 and high > _LOG_FROM * low else "linear", low, high)
    share = axis.fraction(np.where(finite, table, low)) if high > low else np.zeros_like(table)
    found = np.minimum((share * most).astype(np.int64), most - 1)
    return np.where(finite, found, np.where(np.isnan(table), -1, most))


def groups(num_layers: int, most: int) -> list[NDArray[np.intp]]:
    """Which layers share a row where there is room for `most` rows; the worst of them is shown."""
    return np.array_split(np.arange(num_layers), min(num_layers, most))


def to_width(table: Floats, width: int) -> Floats:
    """The largest value for each of `width` columns; inf, which stands for not finite, wins."""
    num_columns = table.shape[1]
    starts = np.arange(width) * num_columns // width
    if num_columns <= width:
        return table[:, starts]
    result: Floats = np.fmax.reduceat(table, starts, axis=1)
    return result
