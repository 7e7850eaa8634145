"""A heat strip as inline SVG: a row a layer, time across, darker for larger values."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.drawing import heat
from flight_recorder.tui.panels.drawing.axis import x_axis, x_ticks
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.report.html.svg import CELLS, RIGHT, TOP, WIDTH, Axis
from flight_recorder.tui.report.wording import html_text

LEFT = 150
"""Room for the names of the layers, in pixels."""

MOST_ROWS, MOST_COLUMNS = 48, 160
"""Cells of a strip; of more layers or columns, neighbours share a cell and the largest value counts."""

_SHADES = 8
_HEIGHT = 200


def heat_chart(figure: Figure) -> str:
    """The figure's heat strip as one `<svg>` element."""
    table = np.array([row for _, row in figure.heat])
    table = heat.to_width(table, min(MOST_COLUMNS, table.shape[1]))
    groups = heat.groups(len(table), MOST_ROWS)
    shades = heat.shades(table, _SHADES)
    low, high = heat.ends(table)
    height = min(20.0, _HEIGHT / len(groups))
    bottom = TOP + height * len(groups)
    label = html_text(f"{figure.title}: {number(low, 3)} (light) to {number(high, 3)} (dark)")
    return (
        f'<svg class="chart heat" viewBox="0 0 {WIDTH} {bottom + 34:.0f}" role="img" aria-label="{label}">'
        f"{_cells(np.array([shades[group].max(axis=0) for group in groups]), height)}"
        f"{_names([name for name, _ in figure.heat], len(groups), height, figure.heat_offender)}"
        f"{_x_labels(figure, bottom)}"
        f'<text class="label end" x="{WIDTH - RIGHT}" y="{bottom + 28:.0f}">{label}</text></svg>'
    )


def _cells(shades: NDArray[np.int64], height: float) -> str:
    """One path a shade; neighbours of one shade in a row are one rectangle."""
    width = (WIDTH - LEFT - RIGHT) / shades.shape[1]
    paths = [""] * (_SHADES + 1)
    for index, row in enumerate(shades):
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


def _x_labels(figure: Figure, bottom: float) -> str:
    x = Axis(x_axis(figure), LEFT, WIDTH - RIGHT)
    return "".join(
        f'<text class="tick mid" x="{min(float(x.at(value)), WIDTH - RIGHT - 12):.0f}" '
        f'y="{bottom + 14:.0f}">{label}</text>'
        for value, label in x_ticks(x.range.low, x.range.high, CELLS)
    )
