"""A grid of characters with the role of each, and the lines of text that come out of it."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.verdict import Level

ROLES = (
    "text",
    "muted",
    "axis",
    "rule",
    "nonfinite",
    "hatch",
    *(f"line-{role}" for role in ("main", "second", "faint", "overlay")),
    *(f"line-other-{place}" for place in range(4)),
    *(f"layer-{place}" for place in range(8)),
    *(f"heat-{place}" for place in range(10)),
    *(f"mark-{kind}" for kind in ("best", "onset", "checkpoint", "resume", "cursor")),
    "offender",
)
"""Every role that a drawing uses. A range tinted by a level adds "+tint-orange" to the role."""

_INK = {role: index for index, role in enumerate(ROLES)}
_LEVELS = tuple(Level)


class Piece(NamedTuple):
    """Neighbouring cells of one row that look the same."""

    text: str
    role: str


Row = list[Piece]


class Canvas:
    """`height` rows of `width` cells, blank at first."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells: NDArray[np.str_] = np.full((height, width), " ", dtype="<U1")
        self.ink = np.zeros((height, width), np.int16)
        self.ground = np.zeros((height, width), np.int16)

    def is_free(self, row: int, column: int, length: int = 1) -> bool:
        """Whether these cells lie on the canvas and are blank."""
        if not (0 <= row < self.height and column >= 0 and column + length <= self.width):
            return False
        return bool((self.cells[row, column : column + length] == " ").all())

    def write(self, row: int, column: int, text: str, role: str) -> None:
        """Put text into a row; what would lie outside is cut off."""
        if not 0 <= row < self.height:
            return
        text = text[max(0, -column) :]
        column = max(0, column)
        text = text[: max(0, self.width - column)]
        if text:
            self.cells[row, column : column + len(text)] = list(text)
            self.ink[row, column : column + len(text)] = _INK[role]

    def stamp(self, cells: NDArray[np.str_], mask: NDArray[np.bool_], role: str, left: int) -> None:
        """Put the cells that the mask selects at the top of the canvas, from column `left` on."""
        height, width = mask.shape
        self.cells[:height, left : left + width][mask] = cells[mask]
        self.ink[:height, left : left + width][mask] = _INK[role]

    def tint(self, columns: slice, num_rows: int, level: Level) -> None:
        """Give the background of these columns the colour of the level, unless a worse one is there."""
        part = self.ground[:num_rows, columns]
        np.maximum(part, int(level), out=part)

    def rows(self) -> list[Row]:
        """The rows as pieces from left to right; their texts together have the width of the canvas."""
        looks = self.ink * len(_LEVELS) + self.ground
        return [self._row(row, looks[row]) for row in range(self.height)]

    def _row(self, row: int, looks: NDArray[np.int16]) -> Row:
        text = "".join(self.cells[row].tolist())
        cuts = [0, *(np.flatnonzero(looks[1:] != looks[:-1]) + 1).tolist(), len(text)]
        return [Piece(text[first:end], _role(int(looks[first]))) for first, end in pairwise(cuts)]


@cache
def _role(look: int) -> str:
    ink, level = divmod(look, len(_LEVELS))
    return f"{ROLES[ink]}+tint-{_LEVELS[level]}" if level else ROLES[ink]


def plain_text(rows: list[Row]) -> str:
    """The rows as text without roles, trailing blanks left off."""
    return "\n".join("".join(piece.text for piece in row).rstrip() for row in rows)
