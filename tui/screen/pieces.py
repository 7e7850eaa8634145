"""Pieces of a line that know shorter forms of themselves, for when it is too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flight_recorder.tui.screen.drawing.spans import Span, Spans, width_of


@dataclass(slots=True)
class Piece:
    """Forms from long to short, and how much it matters to keep each over the next shorter one."""

    forms: list[Spans]
    weights: list[float]
    chosen: int = 0

    @property
    def spans(self) -> Spans:
        """The form that is chosen now."""
        return self.forms[self.chosen]

    @property
    def weight(self) -> float:
        """How much it matters not to shorten it now."""
        return self.weights[self.chosen] if self.chosen < len(self.weights) else float("inf")


NOTHING = Piece([[]], [])


def forms(weights: float | Sequence[float], *texts: str, role: str = "text", is_last: bool = False) -> Piece:
    """A piece of these texts, the longest first, and nothing after the last unless that stays; none for "".

    There is a weight for each step to the next form; one alone is that of the first.
    """
    if not texts[0]:
        return NOTHING
    spans = [[Span(text, role)] for text in texts]
    kept = [weights] if isinstance(weights, int | float) else list(weights)
    return Piece(spans if is_last else [*spans, []], kept)


def joined(pieces: list[Piece]) -> Spans:
    """The pieces beside each other."""
    spans: Spans = []
    for piece in pieces:
        if piece.spans:
            spans += [Span(" " if not spans else "  "), *piece.spans]
    return spans


def total(left: list[Piece], right: Piece) -> int:
    """Cells that a line of these takes."""
    gap = 2 if any(piece.spans for piece in left) else 0
    return width_of(joined(left)) + gap + width_of(right.spans)
