"""A heat strip: a row for each layer, time across, the value as colour or shade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.annotate import tint_range
from flight_recorder.tui.panels.canvas import Canvas
from flight_recorder.tui.panels.figure import Figure, Floats
from flight_recorder.tui.panels.glyphs import GLYPHS
from flight_recorder.tui.panels.layout import Layout, Options
from flight_recorder.tui.panels.numbers import short
from flight_recorder.tui.panels.scale import HUGE, YScale

_NUM_HEATS = 10
_LOG_FROM = 10.0
"""Ratio of largest to smallest value from which on the shades go by ratio."""


def draw_heat(canvas: Canvas, figure: Figure, layout: Layout, options: Options) -> None:
    """Every layer, or the worst of each group of neighbours where there are more layers than rows."""
    table = _to_width(np.array([values for _, values in figure.heat]), layout.plot_width)
    names = [name for name, _ in figure.heat]
    groups = np.array_split(np.arange(len(names)), min(len(names), layout.plot_height))
    shades = _shades(table)
    height = layout.plot_height // len(groups)
    for place, group in enumerate(groups):
        name = _name_of(names, group, figure.heat_offender)
        for row in range(place * height, (place + 1) * height):
            _draw_row(canvas, row, shades[group].max(axis=0), layout, options)
        role = "offender" if name == figure.heat_offender else "axis"
        canvas.write(place * height, 0, _shortened(name, layout.left - 1, options), role)
    _draw_key(canvas, table, len(groups) * height, layout, options)
    for tint in figure.tints:
        tint_range(canvas, layout, tint, layout.height)  # it shows where no layer covers it: on the x labels


def _to_width(table: Floats, width: int) -> Floats:
    """The largest value for each of `width` columns; inf, which stands for not finite, wins."""
    num_columns = table.shape[1]
    if num_columns <= width:
        return table[:, np.arange(width) * num_columns // width]
    starts = np.arange(width) * num_columns // width
    result: Floats = np.fmax.reduceat(table, starts, axis=1)
    return result


def _shades(table: Floats) -> NDArray[np.int64]:
    """0 to 9 from the smallest value to the largest, -1 where nothing was measured, 10 where not finite."""
    finite = np.isfinite(table)
    low, high = _ends(table)
    scale = YScale("log" if low > 0 and high > _LOG_FROM * low else "linear", low, high)
    share = scale.fraction(np.where(finite, table, low)) if high > low else np.zeros_like(table)
    shades = np.minimum((share * _NUM_HEATS).astype(np.int64), _NUM_HEATS - 1)
    return np.where(finite, shades, np.where(np.isnan(table), -1, _NUM_HEATS))


def _ends(table: Floats) -> tuple[float, float]:
    """Smallest and largest finite value, within what an axis can hold."""
    values = np.clip(table[np.isfinite(table)], -HUGE, HUGE)
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


def _draw_row(
    canvas: Canvas,
    row: int,
    shades: NDArray[np.int64],
    layout: Layout,
    options: Options,
) -> None:
    glyphs = GLYPHS[options.glyphs]
    for column, shade in enumerate(shades.tolist()):
        if shade == _NUM_HEATS:
            canvas.write(row, layout.left + column, glyphs.nonfinite, "nonfinite")
        elif shade >= 0:
            canvas.write(row, layout.left + column, _glyph(shade, options), f"heat-{shade}")


def _glyph(shade: int, options: Options) -> str:
    glyphs = GLYPHS[options.glyphs]
    return glyphs.solid if options.colour else glyphs.shades[shade * len(glyphs.shades) // _NUM_HEATS]


def _name_of(names: Sequence[str], group: NDArray[np.intp], offender: str) -> str:
    """The offender's name for the group it is in, else that of the group's first layer."""
    return next((names[at] for at in group.tolist() if names[at] == offender), names[int(group[0])])


def _shortened(name: str, width: int, options: Options) -> str:
    """Cut in the middle: layers differ at both ends of their names."""
    if len(name) <= width:
        return name.rjust(width)
    if width < 3:
        return name[: max(width, 0)]
    tail = (width - 1) // 2
    return name[: width - 1 - tail] + GLYPHS[options.glyphs].ellipsis + name[len(name) - tail :]


def _draw_key(canvas: Canvas, table: Floats, row: int, layout: Layout, options: Options) -> None:
    """What the darkest and the lightest shade stand for, where a row is left over."""
    if row >= layout.plot_height:
        return
    low, high = _ends(table)
    canvas.write(row, layout.left, short(low) + " ", "axis")
    column = layout.left + len(short(low)) + 1
    for shade in range(_NUM_HEATS):
        canvas.write(row, column + shade, _glyph(shade, options), f"heat-{shade}")
    canvas.write(row, column + _NUM_HEATS, " " + short(high), "axis")
