"""A heat strip: a row for each layer, time across, the value as colour or shade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.drawing import heat
from flight_recorder.tui.panels.drawing.annotate import tint_range
from flight_recorder.tui.panels.drawing.canvas import Canvas
from flight_recorder.tui.panels.drawing.glyphs import GLYPHS
from flight_recorder.tui.panels.drawing.layout import Layout, Options, shortened
from flight_recorder.tui.panels.figure import Figure, Floats

_NUM_HEATS = 10


def draw_heat(canvas: Canvas, figure: Figure, layout: Layout, options: Options) -> None:
    """Every layer, or the worst of each group of neighbours where there are more layers than rows."""
    table = heat.to_width(np.array([values for _, values in figure.heat]), layout.plot_width)
    names = [name for name, _ in figure.heat]
    groups = heat.groups(len(names), layout.plot_height)
    shades = heat.shades(table, _NUM_HEATS)
    height = layout.plot_height // len(groups)
    for place, group in enumerate(groups):
        name = _name_of(names, group, figure.heat_offender)
        for row in range(place * height, (place + 1) * height):
            _draw_row(canvas, row, shades[group].max(axis=0), layout, options)
        role = "offender" if name == figure.heat_offender else "axis"
        canvas.write(place * height, 0, shortened(name, layout.left - 1, options), role)
    _draw_key(canvas, table, len(groups) * height, layout, options)
    for tint in figure.tints:
        tint_range(canvas, layout, tint, layout.height)  # it shows where no layer covers it: on the x labels


def _draw_row(canvas: Canvas, row: int, shades: NDArray[np.int64], layout: Layout, options: Options) -> None:
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


def _draw_key(canvas: Canvas, table: Floats, row: int, layout: Layout, options: Options) -> None:
    """What the darkest and the lightest shade stand for, where a row is left over."""
    if row >= layout.plot_height:
        return
    low, high = (number(end, 3) for end in heat.ends(table))
    canvas.write(row, layout.left, low + " ", "axis")
    column = layout.left + len(low) + 1
    for shade in range(_NUM_HEATS):
        canvas.write(row, column + shade, _glyph(shade, options), f"heat-{shade}")
    canvas.write(row, column + _NUM_HEATS, " " + high, "axis")
