"""A run on plain standard output: its facts, its panels, what is wrong with it. Needs no Textual."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

import numpy as np
from rich.console import Console
from rich.text import Text

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.panels.drawing.braille import draw, roles_of
from flight_recorder.tui.panels.drawing.canvas import Row
from flight_recorder.tui.panels.drawing.chart import chart
from flight_recorder.tui.panels.drawing.layout import Options, name_of
from flight_recorder.tui.panels.drawing.palette import DARK
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.panels.panel import Panel
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.panels.view import View
from flight_recorder.tui.report.terminal.verdicts import heading, verdict_lines
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, LEVEL_STYLES

if TYPE_CHECKING:
    from flight_recorder.tui.run import Run

_CELL_WIDTH = 50
"""Columns from which on one more panel fits beside the others."""
_PANEL_HEIGHT, _LEAST_HEIGHT = 14, 7
_WIDTH_WITHOUT_TERMINAL = 100


def print_run(run: Run, width: int | None = None, height: int | None = None) -> None:
    """Write the picture to standard output, in colour on a terminal unless NO_COLOR is set."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    sys.stdout.write(render(run, width or _terminal_width(), height, sys.stdout.isatty() and not is_plain))


def _terminal_width() -> int:
    """Columns of the terminal that any of the standard streams is on: the output may go through a pager."""
    if os.environ.get("COLUMNS", "").isdigit():
        return max(1, int(os.environ["COLUMNS"]))
    for stream in (1, 2, 0):
        with suppress(OSError):
            return os.get_terminal_size(stream).columns
    return _WIDTH_WITHOUT_TERMINAL


def render(run: Run, width: int, height: int | None = None, colour: bool = False) -> str:
    """The picture as lines of at most `width` columns; panels as high as `height` rows allow."""
    below = [Text(), *verdict_lines(run)]
    num_columns = max(1, min(4, width // _CELL_WIDTH))
    panels = [panel for panel in PANELS if panel.has_something(run.recording)] or list(PANELS[:1])
    num_rows = -(-len(panels) // num_columns)
    panel_height = max(_LEAST_HEIGHT, (height - 3 - len(below)) // num_rows) if height else _PANEL_HEIGHT
    lines = [heading(run), *_grid(run, panels, width, num_columns, panel_height, colour), *below]
    return _written(lines, width, colour)


def _written(lines: Iterable[Text], width: int, colour: bool) -> str:
    out = io.StringIO()
    system: Literal["truecolor", "256"] = "256"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        system = "truecolor"
    console = Console(file=out, width=width, color_system=system if colour else None, force_terminal=colour)
    for line in lines:
        first, *rest = line.wrap(console, width) if line.cell_len <= width else line.wrap(console, width - 4)
        for piece in (first, *(Text("    ") + piece for piece in rest)):
            console.print(piece, highlight=False)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().split("\n")[:-1])


def _grid(
    run: Run, panels: Sequence[Panel], width: int, num_columns: int, height: int, colour: bool
) -> Iterable[Text]:
    """The panels in reading order, row by row, with a blank column between neighbours."""
    cell_width = (width - num_columns + 1) // num_columns
    view = View(width_dots=2 * cell_width)
    cells = [_safe_cell(panel, run, view, cell_width, height, colour) for panel in panels]
    for first in range(0, len(cells), num_columns):
        for row in zip_longest(*cells[first : first + num_columns], fillvalue=Text(" " * cell_width)):
            yield Text(" ").join(row)


def _safe_cell(panel: Panel, run: Run, view: View, width: int, height: int, colour: bool) -> list[Text]:
    """The cell of a panel; a panel that breaks while it is drawn says so, and the others live on."""
    try:
        with np.errstate(all="ignore"):
            return _cell(panel.figure(run, view), width, height, colour)
    except Exception as error:
        return _cell(panel.undrawn(error), width, height, colour)


def _cell(figure: Figure, width: int, height: int, colour: bool) -> list[Text]:
    """A title and the chart below it, `height` rows of `width` columns; one row for a panel without data."""
    title = _title(figure, width)
    if figure.note:
        note = Text(figure.note, style=DARK["muted"])
        note.truncate(width, overflow="ellipsis", pad=True)
        return [title, note]
    if figure.heat or figure.as_list:
        rows = draw(figure, width, height - 1, Options(colour=colour))
        return [title, *(_styled(row, width) for row in rows)]
    drawn = chart(figure, width, height - 1, DARK if colour else None)
    return [title, *(_filled(Text.from_ansi(line), width) for line in drawn.split("\n"))]


def _title(figure: Figure, width: int) -> Text:
    """Number and name, what is wrong, and the newest values in the colours of their lines."""
    title = Text.assemble((f"{figure.number} {figure.title}", "bold"))
    if figure.level > Level.GREEN:
        title.append(f"  {LEVEL_SIGNS[figure.level]} {printable(figure.health)}", LEVEL_STYLES[figure.level])
    lines = [
        pair for pair in zip(figure.lines, roles_of(figure.lines), strict=True) if pair[0].role != "faint"
    ]
    if len(lines) < 2:
        title.append(f"  {figure.latest}")
    for line, role in lines if len(lines) > 1 else ():
        title.append(f"  {name_of(line, figure.y_whole)}", DARK[role])
    return _filled(title, width)


def _filled(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def _styled(row: Row, width: int) -> Text:
    text = Text()
    for piece in row:
        text.append(piece.text, style=DARK.get(piece.role.split("+")[0], ""))
    return _filled(text, width)
