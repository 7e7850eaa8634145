"""Roles to colours: safe for the colour-blind, calm while a run is healthy, never the only sign of anything.

The hues are those of Okabe and Ito ("Color Universal Design", 2008), whose lightness also differs, so that
they stay apart in greyscale. Levels carry a sign and their name wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.style import Style

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.panels.drawing import palette as drawing


@dataclass(frozen=True)
class Palette:
    """The style of each role on one background."""

    name: str
    dark: bool
    background: str
    styles: Mapping[str, Style] = field(repr=False)

    def style(self, role: str) -> Style:
        """The style of a role; plain text for a role nobody gave one. "a+b" lays b over a."""
        if "+" in role:
            return sum((self.style(part) for part in role.split("+")), Style.null())
        return self.styles.get(role, self.styles["text"])

    def colour(self, role: str) -> str:
        """The colour of a role's text, as #rrggbb."""
        colour = self.style(role).color
        return colour.name if colour is not None else "#808080"


def level_role(level: Level) -> str:
    """Role of text that says this level."""
    return f"level-{level}"


def _styles(colours: Mapping[str, str], background: str) -> dict[str, Style]:
    styles = {role: Style(color=colour) for role, colour in colours.items() if not role.startswith("tint")}
    styles |= {role: Style(bgcolor=colour) for role, colour in colours.items() if role.startswith("tint")}
    styles["strong"] = Style(color=colours["text"], bold=True)
    styles["accent"] = Style(color=colours["accent"], bold=True)
    styles["background"] = Style(color=colours["text"], bgcolor=background)
    styles["selected"] = Style(color=background, bgcolor=colours["accent"], bold=True)
    for level in Level:
        colour = colours[f"level-{level}"]
        styles[f"level-{level}"] = Style(color=colour, bold=level >= Level.ORANGE)
        if level >= Level.ORANGE:
            styles[f"badge-{level}"] = Style(color=background, bgcolor=colour, bold=True)
        else:
            styles[f"badge-{level}"] = Style(color=colour)
    return styles


def _ramp(colours: str) -> dict[str, str]:
    """Layers in muted colours of rising lightness: on a live screen hues are kept for what is wrong."""
    return {f"layer-{place}": colour for place, colour in enumerate(colours.split())}


_DARK_BACKGROUND = "#101216"
_LIGHT_BACKGROUND = "#fbfaf7"

DARK = Palette(
    "flight-dark",
    True,
    _DARK_BACKGROUND,
    _styles(
        {
            **drawing.DARK,
            **_ramp("#6c86ad #6b97b5 #6fa6b5 #7bb3ac #8fbf9f #a9c996 #c6d193 #e2d798"),
            "faint": "#646a75",
            "frame": "#3d434d",
            "accent": "#9ec9f0",
            "tint-green": "#1b2025",
        },
        _DARK_BACKGROUND,
    ),
)

LIGHT = Palette(
    "flight-light",
    False,
    _LIGHT_BACKGROUND,
    _styles(
        {
            **drawing.LIGHT,
            **_ramp("#8f9bb0 #7d93ac #6788a2 #537b95 #436d86 #365d75 #2b4c62 #213a4d"),
            "faint": "#8d939c",
            "frame": "#c3c7cd",
            "accent": "#005a94",
            "tint-green": "#f0f0ec",
        },
        _LIGHT_BACKGROUND,
    ),
)


def _without_colours() -> dict[str, Style]:
    """Bold, dim, reversed and underlined: what is left of a palette where NO_COLOR is set."""
    plain, bold, dim, reverse = Style.null(), Style(bold=True), Style(dim=True), Style(reverse=True)
    styles = dict.fromkeys(DARK.styles, plain)
    quiet = (
        "muted",
        "faint",
        "frame",
        "axis",
        "hatch",
        "rule",
        "line-faint",
        "line-overlay",
        "mark-checkpoint",
    )
    others = (role for role in styles if role.startswith("line-other-"))
    styles |= dict.fromkeys((*quiet, "mark-checkpoint", *others), dim)
    styles |= dict.fromkeys(("strong", "accent", "line-second", "offender", "nonfinite"), bold)
    styles["selected"] = reverse
    for level in Level:
        loud = level >= Level.ORANGE
        styles[f"level-{level}"] = bold if loud else plain
        styles[f"badge-{level}"] = reverse if loud else plain
        styles[f"tint-{level}"] = Style(underline=True)
    return styles


NO_COLOUR = Palette("flight-plain", True, _DARK_BACKGROUND, _without_colours())
"""The palette under NO_COLOR; a violating range is underlined."""
