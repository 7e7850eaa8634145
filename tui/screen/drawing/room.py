"""Room goes to the panels that have something to show; the others take none."""

from __future__ import annotations

from math import ceil

from textual.widget import Widget

from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.layout import TREE_CELL, Layout, columns_of

ENOUGH_STEPS = 100
"""Step records of our own log without a number of a panel after which none is waited for any more; another
program's log is taken for what it is at once."""


def bare_panels(run: Run) -> tuple[int, ...]:
    """Numbers of the panels for which the run's log has nothing."""
    recording = run.recording
    is_foreign = "source" in recording.header
    is_early = len(recording.steps) < (1 if is_foreign else ENOUGH_STEPS)
    return tuple(
        panel.number
        for panel in PANELS
        if not (is_early and panel.is_awaited) and not panel.has_something(recording)
    )


def seen_cells(bare: tuple[int, ...]) -> tuple[int, ...]:
    """The cells that are on the board, in order, the tree last."""
    return tuple(cell for cell in range(1, TREE_CELL + 1) if cell not in bare)


def arrange(board: Widget, bare: tuple[int, ...], layout: Layout) -> None:
    """The cells that are seen fill the board; the tree takes what the last row has left."""
    cells = seen_cells(bare)
    columns = columns_of(layout, len(cells))
    for number, widget in enumerate(board.children, start=1):
        widget.display = number in cells
    board.styles.grid_size_columns = columns
    board.styles.grid_size_rows = ceil(len(cells) / columns)
    board.children[-1].styles.column_span = columns - (len(cells) - 1) % columns
