"""A figure as a plotext chart: for plain output, where nothing is redrawn. The only file that knows plotext.

plotext 5 keeps one figure for the whole process. A chart therefore begins with a blank one and is finished
before the next begins, under a lock. What is drawn is reduced to the width first: the library takes its time
for every point it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

import numpy as np
import plotext
from numpy.typing import NDArray

from flight_recorder.tui.panels.drawing.axis import AxisRange, x_ticks, y_axis, y_ticks
from flight_recorder.tui.panels.drawing.braille import roles_of
from flight_recorder.tui.panels.drawing.glyphs import GLYPHS
from flight_recorder.tui.panels.figure import Figure, Floats, Line, Mark

Colour = tuple[int, int, int]

_MARGIN = 0.03
_ONE_AT_A_TIME = Lock()
_EDGE = 1e-3
"""Part of the axis kept free at its ends: plotext leaves out what lies on them."""


def chart(figure: Figure, width: int, height: int, colours: Mapping[str, str] | None = None) -> str:
    """The lines of the figure in a frame of `width` x `height` cells.

    With `colours`, role to "#rrggbb", the text has terminal sequences for them; without, it has none.
    """
    with _ONE_AT_A_TIME:
        return _built(_blank(width, height), figure, width, height, colours)


def _built(canvas: Any, figure: Figure, width: int, height: int, colours: Mapping[str, str] | None) -> str:
    scale = y_axis(figure, _MARGIN)
    _draw_references(canvas, figure, scale, colours)
    for line, role in zip(figure.lines, roles_of(figure.lines), strict=True):
        _draw_line(canvas, line, figure, scale, _colour(colours, role))
    _draw_marks(canvas, figure, scale, colours)
    _set_axes(canvas, figure, scale, width, height)
    text = str(canvas.build()).rstrip("\n")
    return text if colours else str(plotext.uncolorize(text))


def _blank(width: int, height: int) -> Any:
    plotext.main()
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.theme("clear")
    return plotext


def _colour(colours: Mapping[str, str] | None, role: str) -> Colour | None:
    if not colours or role not in colours:
        return None
    value = colours[role].lstrip("#")
    return int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16)


def _draw_line(canvas: Any, line: Line, figure: Figure, scale: AxisRange, colour: Colour | None) -> None:
    inside = (line.x >= figure.x_range[0]) & (line.x <= figure.x_range[1])
    for x, y in _strokes(line, inside, scale):
        canvas.plot(x.tolist(), y.tolist(), marker="braille", color=colour)


def _strokes(line: Line, inside: NDArray[np.bool_], scale: AxisRange) -> Iterable[tuple[Floats, Floats]]:
    """The stretches without a gap, every column from its smallest to its largest and on to its last value."""
    x = np.repeat(line.x[inside], 3)
    y = np.stack([line.low[inside], line.high[inside], line.last[inside]], axis=1).ravel()
    y = scale.fraction(y)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.isfinite(y), [False]))))
    for first, end in edges.reshape(-1, 2):
        yield x[first:end], y[first:end]


def _draw_references(
    canvas: Any, figure: Figure, scale: AxisRange, colours: Mapping[str, str] | None
) -> None:
    first, last = figure.x_range
    colour = _colour(colours, "rule")
    for rule in figure.rules:
        if scale.holds(rule.value):
            y = _fraction(scale, rule.value)
            canvas.plot([first, last], [y, y], marker="╌", color=colour)
            canvas.text(rule.label, x=(first + last) / 2, y=y, color=colour, alignment="center")
    for tint in (one for one in figure.tints if one.level is not None):
        ends = [max(tint.first, first), min(tint.last, last)]
        if ends[0] <= ends[1]:
            level = _colour(colours, f"level-{tint.level}")
            canvas.plot(ends, [1 - _EDGE, 1 - _EDGE], marker="▀", color=level)


def _fraction(scale: AxisRange, value: float) -> float:
    return float(np.clip(scale.fraction(np.array([value]))[0], _EDGE, 1 - _EDGE))


def _draw_marks(canvas: Any, figure: Figure, scale: AxisRange, colours: Mapping[str, str] | None) -> None:
    signs = GLYPHS["braille"]
    for mark in figure.marks:
        if mark.kind == "best" and mark.y is not None and _is_shown(mark, figure):
            colour = _colour(colours, "mark-best")
            canvas.scatter([mark.x], [_fraction(scale, mark.y)], marker=signs.best, color=colour)
        elif mark.kind in ("onset", "resume") and _is_shown(mark, figure):
            canvas.vertical_line(mark.x, color=_colour(colours, f"mark-{mark.kind}"))
    for line in figure.lines:
        if len(line.nonfinite):
            top = [1 - _EDGE] * len(line.nonfinite)
            colour = _colour(colours, "nonfinite")
            canvas.scatter(line.nonfinite.tolist(), top, marker=signs.nonfinite, color=colour)


def _is_shown(mark: Mark, figure: Figure) -> bool:
    return figure.x_range[0] <= mark.x <= figure.x_range[1]


def _set_axes(canvas: Any, figure: Figure, scale: AxisRange, width: int, height: int) -> None:
    """Our own ticks: plotext's are equal parts of the axis, not round numbers."""
    first, last = figure.x_range
    canvas.xlim(first, last if last > first else first + 1)
    canvas.ylim(0, 1)
    across = x_ticks(first, last, max(width - 10, 1))
    furthest = last - _EDGE * (last - first)
    canvas.xticks([min(value, furthest) for value, _ in across], [label for _, label in across])
    up = y_ticks(scale, max(2, height // 3), figure.y_whole)
    canvas.yticks([_fraction(scale, value) for value, _ in up], [label for _, label in up])
