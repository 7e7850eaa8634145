"""A panel as lines of text, for a message: braille dots, no colours."""

from __future__ import annotations

from flight_recorder.tui.panels import compose
from flight_recorder.tui.panels.drawing.braille import draw
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.panels.registry import PANEL_BY_ID
from flight_recorder.tui.panels.view import View
from flight_recorder.tui.run import Run

_WIDTH, _HEIGHT = 60, 10
"""Fits a phone held sideways and the code block of every messenger."""


def picture(run: Run, panel: str) -> str:
    """The panel of this id; empty where there is none, or where it cannot be drawn."""
    if panel not in PANEL_BY_ID:
        return ""
    try:
        figure = compose.figure(PANEL_BY_ID[panel], run, View(width_dots=2 * _WIDTH))
        rows = draw(figure, _WIDTH, _HEIGHT, Options(colour=False))
    except Exception:  # a call without its picture is still a call
        return ""
    drawn = ("".join(piece.text for piece in row).rstrip() for row in rows)
    return "\n".join([f"{figure.title}  {figure.latest}", *drawn])
