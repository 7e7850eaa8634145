"""Which arrangement a terminal of this size gets. Only sizes in cells, no widget."""

from __future__ import annotations

from enum import StrEnum

NUM_PANELS = 7
TREE_CELL = 8
"""The tree is the eighth cell of the screen, after panels 1 to 7."""


class Layout(StrEnum):
    """The arrangements, by how much room there is. The value is the CSS class."""

    WIDE = "wide"  # 4 x 2: seven panels and the tree
    NORMAL = "normal"  # 2 x 4
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


def columns_of(layout: Layout) -> int:
    """Cells beside each other."""
    return {Layout.WIDE: 4, Layout.NORMAL: 2}.get(layout, 1)


def neighbour(cell: int, direction: str, layout: Layout) -> int:
    """The cell (1 to 8) one to the left, right, up or down; the same one at an edge."""
    columns = columns_of(layout)
    row, column = divmod(cell - 1, columns)
    if direction == "left":
        column = max(0, column - 1)
    elif direction == "right":
        column = min(columns - 1, column + 1)
    elif direction == "up":
        row = max(0, row - 1)
    else:
        row = min(TREE_CELL // columns - 1, row + 1)
    return row * columns + column + 1
