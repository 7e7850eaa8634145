"""A heat strip as inline SVG: a row a layer, time across, darker for larger values."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.report.html.axes import Axis, tick_label, ticks, x_axis
from flight_recorder.tui.report.html.svg import RIGHT, TOP, WIDTH
from flight_recorder.tui.report.wording import html_text, number

LEFT = 150
"""Room for the names of the layers, in pixels."""

MOST_ROWS, MOST_COLUMNS = 48, 160
"""Cells of a strip; of more layers or columns, neighbours share a cell and the largest value counts."""

_CLASSES = 8
_HEIGHT = 200


def heat_chart(figure: Figure) -> str:
    """The figure's heat strip as one `<svg>` element."""
    values = np.array([row for _, row in figure.heat])
    cells = _folded(_folded(values, MOST_ROWS).T, MOST_COLUMNS).T
    names = [name for name, _ in figure.heat]
    finite = cells[np.isfinite(cells)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    height = min(20.0, _HEIGHT / len(cells))
    bottom = TOP + height * len(cells)
    x = x_axis(figure, LEFT, WIDTH - RIGHT)
    label = html_text(f"{figure.title}: {number(low, 3)} (light) to {number(high, 3)} (dark)")
    return (
        f'<svg class="chart heat" viewBox="0 0 {WIDTH} {bottom + 34:.0f}" role="img" aria-label="{label}">'
        f"{_cells(_classes(cells, low, high), height)}"
        f"{_names(names, len(cells), height, figure.heat_offender)}{_x_labels(x, bottom)}"
        f'<text class="label end" x="{WIDTH - RIGHT}" y="{bottom + 28:.0f}">{label}</text></svg>'
    )


def _folded(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most this many rows, each the largest of its neighbours; NaN where nothing was finite."""
    groups = np.array_split(np.where(np.isfinite(values), values, -np.inf), min(most, len(values)))
    largest = np.array([group.max(axis=0) for group in groups])
    return np.where(np.isfinite(largest), largest, np.nan)


def _classes(cells: NDArray[np.float64], low: float, high: float) -> NDArray[np.int64]:
    """Classes of equal width between smallest and largest, by the logarithm where that exists; -1 for NaN."""
    if low > 0:
        cells, low, high = np.log(cells), math.log(low), math.log(high)
    share = (cells - low) / ((high - low) or 1.0)
    known = np.isfinite(share)
    return np.where(known, np.clip(np.where(known, share, 0.0) * _CLASSES, 0, _CLASSES - 1), -1).astype(
        np.int64
    )


def _cells(classes: NDArray[np.int64], height: float) -> str:
    """One path a class; neighbours of one class in a row are one rectangle."""
    width = (WIDTH - LEFT - RIGHT) / classes.shape[1]
    paths = [""] * _CLASSES
    for index, row in enumerate(classes):
        bounds = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
        for start, end in pairwise(bounds):
            if row[start] >= 0:
                across = (end - start) * width
                paths[row[start]] += (
                    f"M{LEFT + start * width:.1f} {TOP + index * height:.1f}"
                    f"h{across:.1f}v{height:.1f}h{-across:.1f}"
                )
    return "".join(f'<path class="h{index}" d="{path}"/>' for index, path in enumerate(paths) if path)


def _names(names: list[str], num_rows: int, height: float, offender: str) -> str:
    """As many names as there is room for; the layer that stands out is always among them."""
    stride = max(1, math.ceil(11 / height))
    shown = {row: names[row * len(names) // num_rows] for row in range(0, num_rows, stride)}
    if offender in names:
        row = names.index(offender) * num_rows // len(names)
        shown = {other: name for other, name in shown.items() if abs(other - row) >= stride} | {row: offender}
    return "".join(
        f'<text class="tick{" offender" if name == offender else ""}" x="{LEFT - 5}" '
        f'y="{TOP + (row + 0.5) * height + 3.5:.1f}">{html_text(name, 26)}</text>'
        for row, name in shown.items()
    )


def _x_labels(x: Axis, bottom: float) -> str:
    return "".join(
        f'<text class="tick mid" x="{min(float(x.at(value)), WIDTH - RIGHT - 12):.0f}" '
        f'y="{bottom + 14:.0f}">{tick_label(value)}</text>'
        for value in ticks(x, 6)[0]
    )
