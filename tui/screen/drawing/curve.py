"""The drawing of a figure as lines of spans: the bridge from the canvas of the panels to this screen."""

from __future__ import annotations

from dataclasses import replace

from flight_recorder.tui.panels.drawing.braille import draw, roles_of, sparkline
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.screen.drawing.spans import Span, Spans


def drawn(figure: Figure, width: int, height: int, options: Options | None = None) -> list[Spans]:
    """The figure in exactly this many cells."""
    return [[Span(piece.text, piece.role) for piece in row] for row in draw(figure, width, height, options)]


def with_foot(
    figure: Figure, width: int, height: int, options: Options, is_heavy: bool
) -> tuple[list[Spans], Spans | None]:
    """`height` rows of the plot, and the labels of x as the lower edge of the frame, or None."""
    edge = replace(options, x_fill="━" if is_heavy else "─")
    rows = drawn(figure, width, height + 1, edge)
    foot = rows[-1] if rows and any(span.role == "axis" for span in rows[-1]) else None
    return (rows[:-1], foot) if foot else (drawn(figure, width, height, options), None)


def spark(figure: Figure, width: int, options: Options | None = None) -> Spans:
    """The figure's lines in one row."""
    return [Span(piece.text, piece.role) for piece in sparkline(figure, width, options)]


def line_roles(figure: Figure) -> dict[str, str]:
    """The role in which each line is drawn, by its name."""
    return {line.name: role for line, role in zip(figure.lines, roles_of(figure.lines), strict=True)}
