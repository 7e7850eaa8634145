"""Text as lines of spans: what is said and in which role, with no colour and no widget.

Everything on the screen but the curves is made as lines of spans by plain functions, so that a test can read
it as text. Text that came out of a log goes through `said` before it becomes a span.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len as cells_of
from rich.cells import chop_cells, set_cell_size

from flight_recorder.tui.panels.printable import printable

cell_len = lru_cache(4096)(cells_of)
"""Cells that a text takes. Most of what is measured was measured for the frame before."""


class Span(NamedTuple):
    """A piece of one line; `role` is a name of the palette."""

    text: str
    role: str = "text"


Spans = list[Span]


def said(text: object) -> str:
    """Text from a log or a path as one line that can do nothing to the terminal."""
    return printable(str(text))


def whole_values(text: str, room: int) -> str:
    """The values, two spaces apart, that have room, the first in any case: half a number is a wrong one."""
    values = text.split("  ")
    while len(values) > 1 and cell_len("  ".join(values)) > room:
        values.pop()
    return "  ".join(values)


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


def wrapped(text: str, width: int, role: str = "text", indent: str = "", start: str = "") -> list[Spans]:
    """The text broken at blanks into lines of at most `width` cells.

    The first line begins with `start`, the others with `indent`.
    """
    lines: list[str] = []
    line, is_bare = start, True
    for word in _no_wider(text.split(), max(1, width - max(len(indent), len(start)))):
        longer = line + word if is_bare else f"{line} {word}"
        if is_bare or cell_len(longer) <= width:
            line, is_bare = longer, False
        else:
            lines.append(line)
            line = indent + word
    return [[Span(piece, role)] for piece in [*lines, line]]


def _no_wider(words: Iterable[str], width: int) -> Iterable[str]:
    for word in words:
        yield from chop_cells(word, width) if cell_len(word) > width else (word,)
