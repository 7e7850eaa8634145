"""A frame around rows: the number and name at the left of its top, the health at the right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, fitted, width_of

_LEAST_WORDS = 6
"""Cells in which words that were cut still say something."""
_LIGHT = "╭─╮│╰╯"
_HEAVY = "┏━┓┃┗┛"


def framed(
    rows: Sequence[Spans],
    width: int,
    height: int,
    title: Spans,
    words: Spans,
    *,
    is_focused: bool = False,
    role: str = "frame",
    foot: Spans | None = None,
    is_exact: bool = False,
) -> list[Spans]:
    """Exactly `height` rows of `width` cells.

    The focused frame is drawn with heavy lines, so that it is known without colour. `foot` stands on the
    lower edge, axis labels for instance, and must be no wider than the inside. `is_exact` promises that the
    rows fill the inside, so that they need not be measured.
    """
    if width < 4 or height < 2:
        return [fitted([*title], width)][:height]
    marks = _HEAVY if is_focused else _LIGHT
    role = "accent" if is_focused and role == "frame" else role
    inside = width - 2
    lines = [_top(title, words, inside, marks, role)]
    for row in range(height - 2):
        content = rows[row] if row < len(rows) else []
        lines.append(
            [
                Span(marks[3], role),
                *(content if is_exact and content else fitted(content, inside)),
                Span(marks[3], role),
            ]
        )
    lines.append([Span(marks[4], role), *_foot(foot or [], inside, marks[1], role), Span(marks[5], role)])
    return lines


def _top(title: Spans, words: Spans, inside: int, marks: str, role: str) -> Spans:
    """The upper edge: the title, and the words while there is room for some of them."""
    title = clipped([Span(" "), *title, Span(" ")], inside)
    room = inside - width_of(title) - 1
    words = [Span(" "), *words, Span(" ")] if words else []
    words = clipped(words, room) if width_of(words) <= room or room > _LEAST_WORDS else []
    gap = inside - width_of(title) - width_of(words)
    return [Span(marks[0], role), *title, Span(marks[1] * gap, role), *words, Span(marks[2], role)]


def _foot(foot: Spans, inside: int, mark: str, role: str) -> Spans:
    """Labels on the lower edge; what lies between them takes the colour of the edge."""
    edge: Spans = []
    for span in clipped(foot, inside):
        for is_edge, cells in groupby(span.text, lambda cell: cell == mark):
            edge.append(Span("".join(cells), role if is_edge else span.role))
    return [*edge, Span(mark * (inside - width_of(edge)), role)]


def boxed(lines: Sequence[Spans], width: int, name: str, words: str) -> list[Spans]:
    """The lines in a frame as high as they are, one blank at each side."""
    rows = [[Span(" "), *line] for line in lines]
    return framed(rows, width, len(rows) + 2, [Span(name, "strong")], [Span(words, "faint")], is_focused=True)
