"""Which cells of a drawing are axes and which are the plot, and what x a column stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.numbers import count, number
from flight_recorder.tui.panels.drawing.axis import AxisRange, x_share, y_axis, y_ticks
from flight_recorder.tui.panels.drawing.glyphs import GLYPHS, GlyphName
from flight_recorder.tui.panels.figure import Figure, Floats, Line

_LEAST_FOR_AXES = (18, 4)
"""Width and height in cells below which the room goes to the curve."""
_LEAST_FOR_NAMES = 90
"""Width in cells from which on the names of lines stand in a column of their own."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a figure is drawn."""

    glyphs: GlyphName = "braille"
    axes: bool = True
    x_fill: str = " "
    """What the row of x labels is filled with: a line where that row is also the frame of the panel."""
    names: bool = True
    """Whether lines, rules and marks are named inside the drawing."""
    colour: bool = True
    """Whether the roles will be shown as colours; without them heat is shaded."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in a drawing of `width` x `height` cells.

    The plot takes the rows from 0 to `plot_height` and `plot_width` columns from `left` on; the `right`
    columns after it hold the names of the lines.
    """

    width: int
    height: int
    left: int
    plot_height: int
    x_range: tuple[float, float]
    scale: AxisRange
    ticks: tuple[tuple[float, str], ...] = ()
    right: int = 0

    @property
    def plot_width(self) -> int:
        """Columns of the plot."""
        return self.width - self.left - self.right

    def column_of(self, x: float) -> int | None:
        """Column of the drawing at which x stands; None outside the shown range."""
        first, last = self.x_range
        if not first <= x <= last:
            return None
        share = float(x_share(np.array(x), self.x_range))
        return self.left + min(int(share * self.plot_width), self.plot_width - 1)

    def x_at(self, column: int) -> float:
        """x in the middle of a column of the drawing, the nearest one for a column beside the plot."""
        first, last = self.x_range
        share = (column - self.left + 0.5) / self.plot_width
        return first + min(max(share, 0.0), 1.0) * (last - first)

    def row_of(self, value: float) -> int:
        """Row of the plot in which a value stands, the nearest one for a value beyond the axis."""
        return int(self.rows_of(np.array([value]))[0])

    def rows_of(self, values: Floats) -> NDArray[np.int64]:
        """The row of each of these finite values."""
        rows = ((1 - self.scale.fraction(values)) * self.plot_height).astype(np.int64)
        return np.minimum(rows, self.plot_height - 1)


def layout_of(figure: Figure, width: int, height: int, options: Options) -> Layout:
    """The layout of a figure at this size, both at least 1."""
    scale = y_axis(figure, _margin(figure, height))
    has_axes = options.axes and width >= _LEAST_FOR_AXES[0] and height >= _LEAST_FOR_AXES[1]
    if not has_axes or not (figure.lines or figure.heat):
        return Layout(width, height, 0, height, figure.x_range, scale)
    plot_height = height - 1
    if figure.heat:
        left = min(max(len(name) for name, _ in figure.heat), width // 3) + 1
        return Layout(width, height, left, plot_height, figure.x_range, scale)
    ticks = tuple(y_ticks(scale, max(2, plot_height // 3), figure.y_whole))
    left = max((len(label) for _, label in ticks), default=0) + 1
    right = _room_for_names(figure, width, plot_height) if options.names else 0
    return Layout(width, height, left, plot_height, figure.x_range, scale, ticks, right)


def _margin(figure: Figure, height: int) -> float:
    """None in a single row, enough for a name beyond the outermost line where lines are named."""
    if height == 1:
        return 0.0
    return 0.03 if len(figure.lines) < 2 else 0.08


def name_of(line: Line, whole: bool = False) -> str:
    """The line's name with its newest value, which may be a count."""
    if line.latest is None:
        return line.name
    return f"{line.name} {count(line.latest) if whole else number(line.latest, 3)}"


def _room_for_names(figure: Figure, width: int, plot_height: int) -> int:
    """Columns right of the plot for the names: where it is wide, every line is named."""
    if width < _LEAST_FOR_NAMES or not 1 < len(figure.lines) <= plot_height:
        return 0
    return min(max(len(name_of(line, figure.y_whole)) for line in figure.lines) + 2, width // 3)


def shortened(name: str, width: int, options: Options) -> str:
    """Cut in the middle: they differ at both ends of their names."""
    if len(name) <= width:
        return name.rjust(width)
    if width < 3:
        return name[: max(width, 0)]
    tail = (width - 1) // 2
    return name[: width - 1 - tail] + GLYPHS[options.glyphs].ellipsis + name[len(name) - tail :]
