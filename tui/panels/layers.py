"""Lines that belong to layers in order: their names brought to what differs, and which of them is largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.panel import Trace
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.series.columns import Column


def by_layer(group: Mapping[str, Column]) -> tuple[Trace, ...]:
    """One line for each layer, in the order in which the log names them."""
    return tuple(Trace(printable(name), column, "layer") for name, column in group.items())


def largest(traces: Sequence[Trace]) -> str:
    """Name and newest value of the largest; a layer that is not finite comes before all others."""
    if not traces:
        return ""
    newest = [float(trace.column.values[-1]) for trace in traces]
    at = int(np.argmax(np.nan_to_num(newest, nan=np.inf)))
    return f"{traces[at].name} {number(newest[at], 3)}"
