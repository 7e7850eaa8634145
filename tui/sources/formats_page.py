"""The generated part of README.md: what each format says of itself, and which words name a metric."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc

from flight_recorder.tui.sources.locate.recognise import BINARY_FORMATS, TEXT_FORMATS
from flight_recorder.tui.sources.naming.directions import DIRECTIONS, DOWN, UP
from flight_recorder.tui.sources.tables.said import facts_told
from flight_recorder.tui.sources.tables.scanned import ScannedParser


def formats_document() -> str:
    """Markdown: formats of their own, the scanner, the facts, and the directions of metrics."""
    return "\n".join([*_formats(), *_facts(), *_directions()])


def _formats() -> Iterator[str]:
    yield "## Formats"
    for source in (*TEXT_FORMATS, *BINARY_FORMATS, ScannedParser):
        module = sys.modules[source.__module__]
        yield f"\n### {source.format}\n"
        yield cleandoc(module.__doc__ or "")


def _facts() -> Iterator[str]:
    yield "\n## Facts that any line may tell\n"
    yield "Taken into the header wherever a line says them, whatever program printed it:"
    yield ", ".join(f"`{name}`" for name in facts_told()) + "."


def _directions() -> Iterator[str]:
    yield "\n## Which way a metric improves\n"
    yield "The last known word of a name decides: `lm loss PPL` is a perplexity."
    for direction, title in ((UP, "More is better"), (DOWN, "Less is better"), (0, "Neither")):
        words = sorted(word for word, way in DIRECTIONS.items() if way == direction)
        yield f"\n{title}: {', '.join(words)}."
