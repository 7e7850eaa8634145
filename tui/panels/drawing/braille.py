"""A figure drawn into a grid of characters at any size. Knows nothing of terminals and of training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.drawing import annotate, heat_strip
from flight_recorder.tui.panels.drawing.axis import x_ticks
from flight_recorder.tui.panels.drawing.canvas import Canvas, Piece, Row
from flight_recorder.tui.panels.drawing.glyphs import GLYPHS, Glyphs
from flight_recorder.tui.panels.drawing.layout import Layout, Options, layout_of, shortened
from flight_recorder.tui.panels.drawing.raster import Dots, column_positions, dots_of
from flight_recorder.tui.panels.figure import Figure, Line

_ORDER = ("faint", "other", "layer", "main", "second", "overlay")
"""Roles from the back to the front."""

_NUM_LAYER_COLOURS = 8
_NUM_DOTS = np.array([pattern.bit_count() for pattern in range(256)])

Patterns = NDArray[np.int64]


def draw(figure: Figure, width: int, height: int, options: Options | None = None) -> list[Row]:
    """`height` rows of pieces, `width` cells each, whatever the figure holds. Nothing of size 0 or less."""
    if width < 1 or height < 1:
        return []
    options = options or Options()
    layout = layout_of(figure, width, height, options)
    canvas = Canvas(width, height)
    glyphs = GLYPHS[options.glyphs]
    if figure.note and not figure.lines and not figure.heat:
        annotate.write_note(canvas, figure.note)
        return canvas.rows()
    if figure.as_list:
        _draw_list(canvas, figure, options)
        return canvas.rows()
    if figure.heat:
        heat_strip.draw_heat(canvas, figure, layout, options)
    else:
        _draw_curves(canvas, figure, layout, options)
    if layout.plot_height < height:
        _draw_axes(canvas, layout, glyphs, options)
    return canvas.rows()


def sparkline(figure: Figure, width: int, options: Options | None = None) -> Row:
    """The lines of the figure in one row, without axes and names."""
    options = options or Options()
    options = Options(options.glyphs, axes=False, names=False, colour=options.colour)
    lines = figure.lines[:1] if figure.as_list else figure.lines
    alone = replace(figure, rules=(), lines=lines, as_list=False)
    rows = draw(alone, width, 1, options) if not figure.note else []
    return rows[0] if rows else [Piece(" " * max(width, 0), "text")]


def _draw_list(canvas: Canvas, figure: Figure, options: Options) -> None:
    """A row a line: its name, its curve at a scale of its own, its words; the last row counts the rest."""
    shown = figure.lines
    if len(shown) > canvas.height:
        shown = shown[: max(1, canvas.height - 1)]
        canvas.write(canvas.height - 1, 1, f"{len(figure.lines) - len(shown)} more   / search", "muted")
    names = min(max(len(line.name) for line in shown) + 1, canvas.width // 3)
    widest = max(len(line.words) for line in shown) + 1
    is_cut = widest > canvas.width // 2
    said = [line.words.partition("  ")[0] if is_cut else line.words for line in shown]  # half a word is none
    words = max(map(len, said)) + 1
    middle = canvas.width - names - words
    for row, (line, text) in enumerate(zip(shown, said, strict=True)):
        canvas.write(row, 0, shortened(line.name, names - 1, options), "axis")
        column = names
        curve = replace(figure, lines=(replace(line, role="main"),), marks=(), tints=(), as_list=False)
        for piece in sparkline(curve, middle, options) if middle > 0 else ():
            canvas.write(row, column, piece.text, piece.role)
            column += len(piece.text)
        canvas.write(row, canvas.width - words + 1, text, "text")


def _draw_curves(canvas: Canvas, figure: Figure, layout: Layout, options: Options) -> None:
    glyphs = GLYPHS[options.glyphs]
    for tint in (one for one in figure.tints if one.level is not None):
        annotate.tint_range(canvas, layout, tint, layout.plot_height)
    roles = roles_of(figure.lines)
    behind = np.zeros((layout.plot_height, layout.plot_width), np.int64)
    for line, role in sorted(zip(figure.lines, roles, strict=True), key=lambda pair: _depth(pair[0])):
        down, across = glyphs.weights.shape
        num_rows, num_columns = layout.plot_height * down, layout.plot_width * across
        dots = dots_of(line, figure.x_range, layout.scale, num_rows, num_columns)
        _stamp_dots(canvas, dots, behind, role, layout, glyphs)
    for line in figure.lines:
        _mark_nonfinite(canvas, line, layout, glyphs)
    annotate.draw_marks(canvas, figure, layout, options)
    annotate.draw_rules(canvas, figure, layout, options)
    if options.names:
        annotate.name_lines(canvas, figure, layout, roles)
    for tint in (one for one in figure.tints if one.level is None):  # last: it gives way to everything
        annotate.tint_range(canvas, layout, tint, layout.plot_height, glyphs.hatch)


def _depth(line: Line) -> int:
    return _ORDER.index(line.role.partition("-")[0])


def roles_of(lines: Sequence[Line]) -> list[str]:
    """The role of each line on the canvas; layers get evenly spaced places of one scale of colours."""
    num_layers = sum(line.role == "layer" for line in lines)
    roles, place = [], 0
    for line in lines:
        if line.role == "layer":
            roles.append(f"layer-{place * (_NUM_LAYER_COLOURS - 1) // max(num_layers - 1, 1)}")
            place += 1
        else:
            roles.append(f"line-{line.role}")
    return roles


def _stamp_dots(
    canvas: Canvas, dots: Dots, behind: Patterns, role: str, layout: Layout, glyphs: Glyphs
) -> None:
    """Put a line in front of those drawn so far, whose dots `behind` are kept up to date."""
    down, across = glyphs.weights.shape
    blocks = dots.reshape(layout.plot_height, down, layout.plot_width, across)
    own = np.einsum("rdca,da->rc", blocks, glyphs.weights)
    # Thin lines that share a cell share its dots; a noisy one gives it up, else it would swallow the other.
    patterns = np.where(_NUM_DOTS[behind] <= glyphs.weights.size // 2, own | behind, own)
    canvas.stamp(glyphs.cells[patterns], own > 0, role, layout.left)
    behind[own > 0] = patterns[own > 0]


def _mark_nonfinite(canvas: Canvas, line: Line, layout: Layout, glyphs: Glyphs) -> None:
    at = column_positions(line.nonfinite, layout.x_range, layout.plot_width)
    for column in np.unique(at[(at >= 0) & (at < layout.plot_width)]):
        canvas.write(0, layout.left + int(column), glyphs.nonfinite, "nonfinite")


def _draw_axes(canvas: Canvas, layout: Layout, glyphs: Glyphs, options: Options) -> None:
    if layout.ticks:
        for row in range(layout.plot_height):
            canvas.write(row, layout.left - 1, glyphs.axis, "axis")
    for value, label in layout.ticks:
        row = layout.row_of(value)
        canvas.write(row, 0, label.rjust(layout.left - 1) + glyphs.tick, "axis")
    bottom = canvas.height - 1
    canvas.write(bottom, 0, options.x_fill * canvas.width, "axis")
    free_from = 0
    for value, label in x_ticks(*layout.x_range, layout.plot_width):
        column = layout.column_of(value)
        if column is None:
            continue
        start = min(max(column - (len(label) - 1) // 2, free_from), canvas.width - len(label))
        if start >= free_from:
            canvas.write(bottom, start, label, "axis")
            free_from = start + len(label) + 1
