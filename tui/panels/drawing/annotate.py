"""What is written into a drawing beside its curves: rules, marks, names, tints. A curve is never covered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.drawing.canvas import Canvas
from flight_recorder.tui.panels.drawing.glyphs import GLYPHS, Glyphs
from flight_recorder.tui.panels.drawing.layout import Layout, Options, name_of
from flight_recorder.tui.panels.figure import Figure, Floats, Line, Mark, Rule, Tint

Mask = NDArray[np.bool_]

_LEAST_HATCHED = 6
"""Cells of the narrowest excused range that is shown: less is nothing to wonder about."""
_ROOM_FOR_CHECKPOINTS = 12
"""Rows of a plot from which on checkpoints are marked; below that they would be noise."""
_WIDTH_FOR_LABELS = 60
"""Columns of a plot from which on marks carry their whole label, below that their kind."""


def write_note(canvas: Canvas, note: str) -> None:
    """The note in the middle of the canvas, broken at blanks."""
    lines = _wrapped(note, max(canvas.width - 2, 1))[: canvas.height]
    first = (canvas.height - len(lines)) // 2
    for row, line in enumerate(lines):
        canvas.write(first + row, max(0, (canvas.width - len(line)) // 2), line, "muted")


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def tint_range(canvas: Canvas, layout: Layout, tint: Tint, num_rows: int, glyph: str = " ") -> None:
    """The background of a violating range, thin strokes at the foot of an excused one.

    A step is still a column wide. Excused is no alarm, so the plot stays clear.
    """
    first, last = layout.x_range
    if tint.last < first or tint.first > last:
        return
    start, end = layout.column_of(max(tint.first, first)), layout.column_of(min(tint.last, last))
    if start is not None and end is not None and tint.level is not None:
        canvas.tint(slice(start, end + 1), num_rows, tint.level)
    elif start is not None and end is not None and end - start >= _LEAST_HATCHED:
        for column in range(start, end + 1):
            if column % 2 == 0 and canvas.is_free(num_rows - 1, column):
                canvas.write(num_rows - 1, column, glyph, "hatch")


def draw_rules(canvas: Canvas, figure: Figure, layout: Layout, options: Options) -> None:
    """Dashed lines with their labels, behind everything that is there already."""
    glyphs = GLYPHS[options.glyphs]
    taken: set[int] = set()
    for rule in figure.rules:
        if not layout.scale.holds(rule.value):
            continue
        row = layout.row_of(rule.value)
        if row not in taken:
            taken.add(row)
            _draw_rule(canvas, rule, row, layout, glyphs, options.names)


def _draw_rule(canvas: Canvas, rule: Rule, row: int, layout: Layout, glyphs: Glyphs, named: bool) -> None:
    cells = canvas.cells[row, layout.left : layout.left + layout.plot_width]
    # A cell with every dot set is the inside of a noisy stretch: nothing is lost where the rule crosses it.
    free = (cells == " ") | (cells == glyphs.cells[-1])
    if named:
        _label_rule(canvas, f" {rule.label} ", row, free, layout)
    for free_column in np.flatnonzero(free).tolist():
        dash = glyphs.rule[free_column % len(glyphs.rule)]
        if dash != " ":
            canvas.write(row, layout.left + free_column, dash, "rule")


def _label_rule(canvas: Canvas, label: str, row: int, free: Mask, layout: Layout) -> None:
    """Write the label into the line, else just above or below it; what it takes of the line is not free."""
    place = _middle_gap(free, len(label) + 4)
    if place is not None:
        canvas.write(row, layout.left + place + 2, label, "rule")
        free[place + 2 : place + 2 + len(label)] = False
        return
    for beside in (row - 1, row + 1):
        if 0 <= beside < layout.plot_height:
            blank = canvas.cells[beside, layout.left : layout.left + layout.plot_width] == " "
            place = _middle_gap(blank, len(label))
            if place is not None:
                canvas.write(beside, layout.left + place, label, "rule")
                return


def _middle_gap(free: Mask, length: int) -> int | None:
    """First of `length` free cells, as near to the middle as there are."""
    if length > len(free):
        return None
    starts = np.flatnonzero(np.convolve(free, np.ones(length, np.int64), "valid") == length)
    if not len(starts):
        return None
    return int(starts[np.argmin(np.abs(starts + length / 2 - len(free) / 2))])


def draw_marks(canvas: Canvas, figure: Figure, layout: Layout, options: Options) -> None:
    """Best value, onset, resumes, checkpoints, cursor; the most telling first."""
    glyphs = GLYPHS[options.glyphs]
    order = ("best", "cursor", "onset", "resume", "checkpoint")
    for mark in sorted(figure.marks, key=lambda mark: order.index(mark.kind)):
        column = layout.column_of(mark.x)
        if column is None:
            continue
        if mark.kind == "best" and mark.y is not None:
            row = layout.row_of(mark.y)
            canvas.write(row, column, glyphs.best, "mark-best")
            _label_mark(canvas, mark, row, column, layout, options)
        elif mark.kind == "checkpoint":
            if layout.plot_height >= _ROOM_FOR_CHECKPOINTS and canvas.is_free(layout.plot_height - 1, column):
                canvas.write(layout.plot_height - 1, column, glyphs.checkpoint, "mark-checkpoint")
        else:
            _draw_upright(canvas, mark, column, layout, options)


def _draw_upright(canvas: Canvas, mark: Mark, column: int, layout: Layout, options: Options) -> None:
    glyph = {"cursor": "cursor", "onset": "onset"}.get(mark.kind, "resume")
    for row in range(layout.plot_height):
        if canvas.is_free(row, column):
            canvas.write(row, column, getattr(GLYPHS[options.glyphs], glyph), f"mark-{mark.kind}")
    if mark.kind != "cursor":
        for row in range(layout.plot_height):
            if _label_mark(canvas, mark, row, column, layout, options):
                break


def _label_mark(canvas: Canvas, mark: Mark, row: int, column: int, layout: Layout, options: Options) -> bool:
    """Write the label of a mark beside it where nothing is; whether there was room."""
    if not options.names or layout.plot_height < 3:
        return False
    label = mark.label if layout.plot_width >= _WIDTH_FOR_LABELS else mark.label.split(" ")[0]
    for at_row, start in _around(row, column, len(label)):
        end = layout.left + layout.plot_width
        inside = layout.left < start and start + len(label) <= end and at_row < layout.plot_height
        if inside and canvas.is_free(at_row, start - 1, len(label) + 1):
            canvas.write(at_row, start, label, f"mark-{mark.kind}")
            return True
    return False


def _around(row: int, column: int, length: int) -> Iterable[tuple[int, int]]:
    yield row, column + 2
    yield row, column - length - 1
    for at_row in (row + 1, row - 1, row + 2, row - 2):
        for start in (column - length // 2, column + 2, column - length - 1):
            yield at_row, start


def name_lines(canvas: Canvas, figure: Figure, layout: Layout, roles: Sequence[str]) -> None:
    """The name of each line close to its newest end, where the lines leave room; a single line needs none."""
    if len(figure.lines) < 2 or layout.plot_height < 3:
        return
    if layout.right:
        _name_beside(canvas, figure, layout, roles)
        return
    for line, role in zip(figure.lines, roles, strict=True):
        finite = np.flatnonzero(np.isfinite(line.last) & (line.x <= layout.x_range[1]))
        if line.role != "faint" and len(finite):
            _name_line(canvas, line.name, role, line.x[finite], line.last[finite], layout)


def _name_beside(canvas: Canvas, figure: Figure, layout: Layout, roles: Sequence[str]) -> None:
    """The names in a column right of the plot, in the order of the lines' ends and near to them."""
    ends = [_last_row(line, layout) for line in figure.lines]
    free_from, column = 0, layout.left + layout.plot_width + 1
    for place, index in enumerate(sorted(range(len(ends)), key=lambda index: ends[index])):
        row = max(free_from, min(ends[index], layout.plot_height - len(ends) + place))
        canvas.write(row, column, name_of(figure.lines[index], figure.y_whole), roles[index])
        free_from = row + 1


def _last_row(line: Line, layout: Layout) -> int:
    finite = line.last[np.isfinite(line.last) & (line.x <= layout.x_range[1])]
    return layout.row_of(float(finite[-1])) if len(finite) else 0


def _name_line(
    canvas: Canvas,
    name: str,
    role: str,
    x: Floats,
    last: Floats,
    layout: Layout,
) -> None:
    columns = range(layout.left, canvas.width)
    middles = np.array([layout.x_at(column + len(name) // 2) for column in columns])
    rows = layout.rows_of(np.interp(middles, x, last)).tolist()
    for column in range(canvas.width - len(name), max(layout.left, canvas.width // 3), -1):
        row = rows[column - layout.left]
        for at_row in (row - 1, row + 1):
            start = column - (column + len(name) < canvas.width)
            length = len(name) + (column > start) + (column + len(name) < canvas.width)
            if 0 <= at_row < layout.plot_height and canvas.is_free(at_row, start, length):
                canvas.write(at_row, column, name, role)
                return
