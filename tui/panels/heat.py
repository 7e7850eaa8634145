"""Layers as a heat strip: one row a layer, time across, for more layers than lines can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from flight_recorder.tui.panels.figure import Floats
from flight_recorder.tui.series.reduce import Window, highest_by_cell

if TYPE_CHECKING:
    from flight_recorder.tui.panels.panel import Trace


def rows(traces: Sequence[Trace], window: Window) -> tuple[tuple[str, Floats], ...]:
    """(layer, value of each cell), in the order of the layers."""
    return tuple((trace.name, highest_by_cell(trace.column, window)) for trace in traces)


def offender(traces: Sequence[Trace]) -> str:
    """The layer whose newest value is furthest from the middle one by ratio; NaN is furthest of all."""
    newest = np.abs([float(trace.column.values[-1]) for trace in traces])
    if not np.isfinite(newest).all():
        return traces[int(np.argmin(np.isfinite(newest)))].name
    tiny = np.finfo(np.float64).tiny
    ratio = np.log(np.maximum(newest, tiny)) - np.log(max(float(np.median(newest)), tiny))
    return traces[int(np.argmax(np.abs(ratio)))].name
