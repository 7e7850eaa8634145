"""Which arrangement a terminal of this size gets. Only sizes in cells, no widget."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from flight_recorder.tui.panels.registry import PANELS

TREE_CELL = len(PANELS) + 1
"""The tree is the last cell of the screen, after the panels."""

_IN_TWO_ROWS = 8
"""Cells for which two rows are enough on a wide terminal."""


class Layout(StrEnum):
    """The arrangements, by how much room there is. The value is the CSS class."""

    WIDE = "wide"  # cells in two rows, or three
    NORMAL = "normal"  # cells in two columns
    SMALL = "small"  # one row a panel, and the focused one below
    TINY = "tiny"  # nothing but the status line


def layout_for(width: int, height: int) -> Layout:
    """The arrangement in which every cell still holds a readable curve: 34 x 7 cells with its frame."""
    if width >= 140 and height >= 24:
        return Layout.WIDE
    if width >= 84 and height >= 34:
        return Layout.NORMAL
    if width >= 30 and height >= 14:
        return Layout.SMALL
    return Layout.TINY


ALL_CELLS = tuple(range(1, TREE_CELL + 1))


def columns_of(layout: Layout, num_cells: int = TREE_CELL) -> int:
    """Cells beside each other when so many are seen."""
    if layout is Layout.WIDE:
        return max(1, -(-num_cells // (2 if num_cells <= _IN_TWO_ROWS else 3)))
    return 2 if layout is Layout.NORMAL and num_cells > 1 else 1


def neighbour(cell: int, direction: str, layout: Layout, cells: Sequence[int] = ALL_CELLS) -> int:
    """The cell one to the left, right, up or down among those that are seen; the same one at an edge."""
    if cell not in cells:
        return cells[0]
    columns = columns_of(layout, len(cells))
    row, column = divmod(cells.index(cell), columns)
    if direction == "left":
        column = max(0, column - 1)
    elif direction == "right":
        column = min(columns - 1, column + 1)
    elif direction == "up":
        row = max(0, row - 1)
    else:
        row = min((len(cells) - 1) // columns, row + 1)
    return cells[min(row * columns + column, len(cells) - 1)]


def is_upper(cell: int, layout: Layout, cells: Sequence[int] = ALL_CELLS) -> bool:
    """Whether a cell lies in the upper half of the screen."""
    columns = columns_of(layout, len(cells))
    place = cells.index(cell) if cell in cells else 0
    return place // columns < len(cells) / columns / 2
