"""Light or dark, and the palette as a theme of Textual."""

from __future__ import annotations

import os
from typing import get_args

from textual.app import App
from textual.theme import Theme

from flight_recorder.tui.panels.drawing.glyphs import GlyphName
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.screen.drawing.palette import DARK, LIGHT, NO_COLOUR, Palette

_LIGHT_BACKGROUNDS = frozenset({"7", "15"})


def has_colour() -> bool:
    """Whether colours are wanted: NO_COLOR, whatever its value, says that they are not."""
    return "NO_COLOR" not in os.environ


def palette_for(is_light: bool | None) -> Palette:
    """The palette asked for; when nothing was asked, the one that fits what the terminal says of itself.

    COLORFGBG is the only thing that terminals say without being asked, "15;0" for white on black; a terminal
    that is silent gets the dark palette.
    """
    if not has_colour():
        return NO_COLOUR
    if is_light is None:
        is_light = os.environ.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_BACKGROUNDS
    return LIGHT if is_light else DARK


def drawing_options() -> Options:
    """How curves are drawn. TUI_GLYPHS=block or ascii helps fonts that have no braille dots."""
    wanted = os.environ.get("TUI_GLYPHS", "")
    names: tuple[GlyphName, ...] = get_args(GlyphName)
    glyphs = next((name for name in names if name == wanted), names[0])
    return Options(glyphs=glyphs, colour=has_colour())


def use(app: App[int], palette: Palette) -> None:
    """The app in the colours of this palette."""
    app.register_theme(
        Theme(
            name=palette.name,
            primary=palette.colour("accent"),
            foreground=palette.colour("text"),
            background=palette.background,
            surface=palette.background,
            panel=palette.background,
            dark=palette.dark,
        )
    )
    app.theme = palette.name
