"""Text as lines of spans: what is said and in which role, with no colour and no widget.

Everything on the screen but the curves is made as lines of spans by plain functions, so that a test can read
it as text. Text that came out of a log goes through `said` before it becomes a span.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from tui.panels.printable import printable


class Span(NamedTuple):
    """A piece of one line; `role` is a name of the palette."""

    text: str
    role: str = "text"


Spans = list[Span]


def said(text: object) -> str:
    """Text from a log or a path as one line that can do nothing to the terminal."""
    return printable(str(text))


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the spans take."""
    return sum(cell_len(span.text) for span in spans)


def plain(spans: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(span.text for span in spans)


def clipped(spans: Iterable[Span], width: int) -> Spans:
    """At most `width` cells of the spans; what was cut shows as an ellipsis."""
    kept: Spans = []
    left = width
    for span in spans:
        size = cell_len(span.text)
        if size > left:
            if left > 0:
                kept.append(Span(set_cell_size(span.text, left - 1) + "…", span.role))
            elif kept:
                kept[-1] = Span(
                    set_cell_size(kept[-1].text, cell_len(kept[-1].text) - 1) + "…", kept[-1].role
                )
            return kept
        kept.append(span)
        left -= size
    return kept


def fitted(spans: Iterable[Span], width: int) -> Spans:
    """Exactly `width` cells: clipped, or filled with blanks."""
    kept = clipped(spans, width)
    missing = width - width_of(kept)
    return [*kept, Span(" " * missing)] if missing > 0 else kept


def spread(left: Iterable[Span], right: Iterable[Span], width: int) -> Spans:
    """Left and right at the ends of a line; the right end gives way when there is no room for both."""
    left, right = list(left), list(right)
    gap = width - width_of(left) - width_of(right)
    if gap < 1:
        return fitted(left, width)
    return [*left, Span(" " * gap), *right]


def wrapped(text: str, width: int, role: str = "text", indent: str = "") -> list[Spans]:
    """The text broken at blanks into lines of at most `width` cells, all but the first indented."""
    if width <= len(indent) + 1:
        return [[Span(text, role)]]
    lines: list[str] = []
    line = ""
    for word in text.split():
        start = indent if lines else ""
        candidate = f"{line} {word}" if line else start + word
        if cell_len(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        pieces = chop_cells(word, width - len(indent))
        lines += [indent + piece for piece in pieces[:-1]]
        line = (indent if lines else "") + pieces[-1]
    return [[Span(piece, role)] for piece in [*lines, line]]
