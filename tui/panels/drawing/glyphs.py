"""The characters a drawing is made of, for terminals and fonts that have braille dots, blocks, or neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

GlyphName = Literal["braille", "block", "ascii"]


@dataclass(frozen=True)
class Glyphs:
    """One set of characters.

    `cells` has one character for every pattern of dots; `weights`, shape (dots down, dots across), says what
    each dot adds to the number of the pattern.
    """

    weights: NDArray[np.int64]
    cells: NDArray[np.str_]
    axis: str
    tick: str
    rule: str
    best: str
    onset: str
    checkpoint: str
    resume: str
    cursor: str
    nonfinite: str
    hatch: str
    shades: str
    """Heat from low to high where there is no colour."""
    solid: str
    ellipsis: str


def _quadrants() -> str:
    return " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


def _thirds() -> str:
    """One character for upper, middle and lower third; a column that is longer is a stroke."""
    return " '-|.|||"


_BRAILLE = Glyphs(
    weights=np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]),
    cells=np.array([" ", *(chr(0x2800 + pattern) for pattern in range(1, 256))]),
    axis="│",
    tick="┤",
    rule="─ ",
    best="●",
    onset="┊",
    checkpoint="▴",
    resume="┊",
    cursor="│",
    nonfinite="×",
    hatch="╱",
    shades="·░▒▓█",
    solid="█",
    ellipsis="…",
)

GLYPHS: dict[GlyphName, Glyphs] = {
    "braille": _BRAILLE,
    "block": replace(_BRAILLE, weights=np.array([[1, 2], [4, 8]]), cells=np.array(list(_quadrants()))),
    "ascii": Glyphs(
        weights=np.array([[1], [2], [4]]),
        cells=np.array(list(_thirds())),
        axis="|",
        tick="+",
        rule="- ",
        best="o",
        onset=":",
        checkpoint="^",
        resume=":",
        cursor="|",
        nonfinite="x",
        hatch="/",
        shades=".:+*#",
        solid="#",
        ellipsis="~",
    ),
}
