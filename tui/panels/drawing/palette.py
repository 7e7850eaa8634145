"""Colours of the roles of a drawing, on a dark and on a light background.

Safe for the colour-blind: lines in the hues of Okabe and Ito ("Color Universal Design", 2008), layers
and heat on scales whose lightness goes one way, the largest values furthest from the background. Colour is
never the only sign of anything.
"""

from __future__ import annotations

from collections.abc import Mapping

_HEAT_ON_DARK = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173",
    "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip
_HEAT_ON_LIGHT = (
    "#eaf0f5", "#d5e2ec", "#bfd3e3", "#a6c2d9", "#8ab0ce",
    "#6b9bc1", "#4c84b1", "#316b9c", "#1b5083", "#0a3160",
)  # fmt: skip


def _colours(layers: tuple[str, ...], heat: tuple[str, ...], others: Mapping[str, str]) -> dict[str, str]:
    scales = {f"layer-{place}": colour for place, colour in enumerate(layers)}
    scales |= {f"heat-{place}": colour for place, colour in enumerate(heat)}
    return scales | dict(others)


DARK: Mapping[str, str] = _colours(
    ("#8c7fe0", "#6f97e8", "#4fb0dd", "#3fc0b8", "#58c98a", "#9bcf5f", "#d6cf4f", "#f5b942"),
    _HEAT_ON_DARK,
    {
        "text": "#d6d9de", "muted": "#8b919b", "axis": "#7b828d", "rule": "#8b919b",
        "nonfinite": "#ff5f3c", "hatch": "#3d434d", "offender": "#ffa726",
        "line-main": "#d6e4f2", "line-second": "#56b4e9", "line-faint": "#5d636d",
        "line-overlay": "#cc79a7", "line-other-0": "#cc79a7",
        "line-other-1": "#35b88c", "line-other-2": "#b59bf2", "line-other-3": "#d0a875",
        "mark-best": "#2ec08f", "mark-onset": "#ffa726", "mark-checkpoint": "#8b919b",
        "mark-resume": "#8b919b", "mark-cursor": "#9ec9f0",
        "level-green": "#8b919b", "level-yellow": "#f0e442", "level-orange": "#ffa726",
        "level-red": "#ff5f3c", "level-black": "#ffffff",
        "tint-yellow": "#2b2a12", "tint-orange": "#3a2808", "tint-red": "#45190e", "tint-black": "#4a4a52",
    },
)  # fmt: skip
"""Role to colour on a dark background; "tint-..." are backgrounds."""

LIGHT: Mapping[str, str] = _colours(
    ("#4b3fa8", "#3560b8", "#1f78a8", "#0f8482", "#2a8250", "#5f7d16", "#8f7400", "#b35c00"),
    _HEAT_ON_LIGHT,
    {
        "text": "#23262b", "muted": "#666c76", "axis": "#767c86", "rule": "#666c76",
        "nonfinite": "#c03000", "hatch": "#c3c7cd", "offender": "#b35c00",
        "line-main": "#1f3d5c", "line-second": "#0072b2", "line-faint": "#a5abb4",
        "line-overlay": "#a8447f", "line-other-0": "#a8447f",
        "line-other-1": "#00795a", "line-other-2": "#6a4fc0", "line-other-3": "#8a6420",
        "mark-best": "#007a59", "mark-onset": "#b35c00", "mark-checkpoint": "#666c76",
        "mark-resume": "#666c76", "mark-cursor": "#005a94",
        "level-green": "#666c76", "level-yellow": "#7d7100", "level-orange": "#b35c00",
        "level-red": "#c03000", "level-black": "#000000",
        "tint-yellow": "#f8f4c8", "tint-orange": "#fce4c0", "tint-red": "#fbd3c6", "tint-black": "#c9c9cf",
    },
)  # fmt: skip
"""Role to colour on a light background."""
