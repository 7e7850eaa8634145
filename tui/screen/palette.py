"""Roles to colours: safe for the colour-blind, calm while a run is healthy, never the only sign of anything.

The hues are those of Okabe and Ito ("Color Universal Design", 2008), whose lightness also differs, so that
they stay apart in greyscale. Levels carry a sign and their name wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.style import Style

from tui.checks.verdict import Level, State

LEVEL_SIGNS: dict[Level, str] = {
    Level.GREEN: "✓",
    Level.YELLOW: "△",
    Level.ORANGE: "▲",
    Level.RED: "◆",
    Level.BLACK: "■",
}
"""One sign a level, each of another shape and more filled the worse it is."""

STATE_SIGNS: dict[State, str] = {
    State.UNKNOWN: "·",
    State.NOT_MEASURED: "–",
    State.PASS: "✓",
    State.AMBER: "△",
    State.PENDING: "…",
    State.FIRING: "▲",
    State.RESOLVED: "○",
}
"""One sign a state of a node. A firing node shows the sign of its level instead."""


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
        return colour.name if colour is not None else self.styles["text"].color.name  # type: ignore[union-attr]


def level_role(level: Level) -> str:
    """Role of text that says this level."""
    return f"level-{level}"


def tint_role(level: Level) -> str:
    """Role of a background that marks a violating range of this level."""
    return f"tint-{level}"


def _styles(colours: Mapping[str, str], background: str) -> dict[str, Style]:
    styles = {role: Style(color=colour) for role, colour in colours.items() if not role.startswith("tint")}
    styles |= {role: Style(bgcolor=colour) for role, colour in colours.items() if role.startswith("tint")}
    styles["strong"] = Style(color=colours["text"], bold=True)
    styles["accent"] = Style(color=colours["accent"], bold=True)
    styles["background"] = Style(color=colours["text"], bgcolor=background)
    styles["selected"] = Style(color=background, bgcolor=colours["accent"], bold=True)
    styles["dim"] = styles["muted"]
    styles["cursor"] = Style(bgcolor=colours["tint-cursor"], bold=True)
    for level in Level:
        colour = colours[f"level-{level}"]
        styles[f"level-{level}"] = Style(color=colour, bold=level >= Level.ORANGE)
        if level >= Level.ORANGE:
            styles[f"badge-{level}"] = Style(color=background, bgcolor=colour, bold=True)
        else:
            styles[f"badge-{level}"] = Style(color=colour)
    return styles


def _ramp(role: str, colours: str) -> dict[str, str]:
    """Colours of an ordered family, as cividis has them: lightness alone tells them apart."""
    return {f"{role}-{place}": colour for place, colour in enumerate(colours.split())}


_DARK_BACKGROUND = "#101216"
_LIGHT_BACKGROUND = "#fbfaf7"

DARK = Palette(
    "flight-dark",
    True,
    _DARK_BACKGROUND,
    _styles(
        {
            "text": "#d6d9de",
            "muted": "#8b919b",
            "faint": "#5d636d",
            "frame": "#3d434d",
            "accent": "#9ec9f0",
            "line-main": "#d6e4f2",
            "line-second": "#56b4e9",
            "line-faint": "#6f7782",
            "line-overlay": "#cc79a7",
            "mark-best": "#56b4e9",
            "mark-onset": "#ffa726",
            "mark-checkpoint": "#5d636d",
            "mark-resume": "#8b919b",
            "mark-cursor": "#ffffff",
            "axis": "#7b828d",
            "nonfinite": "#ff5f3c",
            "offender": "#ffa726",
            **_ramp("layer", "#6c86ad #6b97b5 #6fa6b5 #7bb3ac #8fbf9f #a9c996 #c6d193 #e2d798"),
            **_ramp(
                "heat",
                "#1f2a40 #263756 #2f466c #3c577e #4e6a8a #687f90 #879490 #a9aa88 #cdc07a #f4da62",
            ),
            "rule": "#6b7280",
            "level-green": "#8b919b",
            "level-yellow": "#f0e442",
            "level-orange": "#ffa726",
            "level-red": "#ff5f3c",
            "level-black": "#ffffff",
            "tint-green": "#1b2025",
            "tint-yellow": "#2b2a12",
            "tint-orange": "#3a2808",
            "tint-red": "#45190e",
            "tint-black": "#4a4a52",
            "tint-cursor": "#2c3e52",
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
            "text": "#23262b",
            "muted": "#666c76",
            "faint": "#8d939c",
            "frame": "#c3c7cd",
            "accent": "#005a94",
            "line-main": "#1f3d5c",
            "line-second": "#0072b2",
            "line-faint": "#8d939c",
            "line-overlay": "#a8447f",
            "mark-best": "#0072b2",
            "mark-onset": "#b35c00",
            "mark-checkpoint": "#8d939c",
            "mark-resume": "#666c76",
            "mark-cursor": "#000000",
            "axis": "#7b828d",
            "nonfinite": "#c03000",
            "offender": "#b35c00",
            **_ramp("layer", "#8f9bb0 #7d93ac #6788a2 #537b95 #436d86 #365d75 #2b4c62 #213a4d"),
            **_ramp(
                "heat",
                "#e4e6dc #d3d6cc #bfc5c2 #a9b3b8 #91a0ad #788da2 #607a96 #496789 #33547b #1c406c",
            ),
            "rule": "#8d939c",
            "level-green": "#666c76",
            "level-yellow": "#7d7100",
            "level-orange": "#b35c00",
            "level-red": "#c03000",
            "level-black": "#000000",
            "tint-green": "#f0f0ec",
            "tint-yellow": "#f8f4c8",
            "tint-orange": "#fce4c0",
            "tint-red": "#fbd3c6",
            "tint-black": "#c9c9cf",
            "tint-cursor": "#cfe0f0",
        },
        _LIGHT_BACKGROUND,
    ),
)
