"""The help page, written from the table of keys."""

from __future__ import annotations

from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, width_of, wrapped
from flight_recorder.tui.screen.keys import Key, groups
from flight_recorder.tui.vocabulary import LEVEL_MEANINGS, LEVEL_SIGNS, STATE_SIGNS, STATE_WORDS


def help_lines(width: int) -> list[Spans]:
    """Every key with what it does, then what the signs mean; in two columns where there is room."""
    blocks = [_block(group, keys, _column_width(width)) for group, keys in groups().items()]
    blocks.append(_signs(_column_width(width)))
    if width < 100:
        return [line for block in blocks for line in block]
    left, right = blocks[:2], blocks[2:]
    return _beside(
        [line for block in left for line in block], [line for block in right for line in block], width
    )


def _column_width(width: int) -> int:
    return width if width < 100 else width // 2 - 2


def _block(group: str, keys: list[Key], width: int) -> list[Spans]:
    lines: list[Spans] = [[Span(group, "strong")]]
    for key in keys:
        meaning = wrapped(key.meaning, max(10, width - 13), "text")
        lines.append([Span(f"  {key.shown:<11}", "accent"), *meaning[0]])
        lines += [[Span(" " * 13), *line] for line in meaning[1:]]
    return [*lines, []]


def _signs(width: int) -> list[Spans]:
    levels = [
        [Span(f"  {LEVEL_SIGNS[level]} {level!s:<8}", level_role(level)), Span(meaning)]
        for level, meaning in LEVEL_MEANINGS.items()
    ]
    states = "   ".join(f"{sign} {STATE_WORDS[state]}" for state, sign in STATE_SIGNS.items())
    return [[Span("Signs", "strong")], *levels, *wrapped(states, width, "muted", "  ", "  ")]


def _beside(left: list[Spans], right: list[Spans], width: int) -> list[Spans]:
    column = width // 2
    lines: list[Spans] = []
    for row in range(max(len(left), len(right))):
        start = left[row] if row < len(left) else []
        end = right[row] if row < len(right) else []
        lines.append([*start, Span(" " * max(1, column - width_of(start))), *end])
    return lines
