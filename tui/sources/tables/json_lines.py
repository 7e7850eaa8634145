"""JSON lines of any program: one object a line, with a loss under a name that is known or was given.

Objects in objects are read as "outer/inner". A time, level or rank in front of an object and other
text between the lines are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode
from flight_recorder.tui.sources.naming.names import names_a_loss, number
from flight_recorder.tui.sources.naming.nulls import Nulls
from flight_recorder.tui.sources.parser import SourceOptions, TextParser
from flight_recorder.tui.sources.tables.rows import Rows, of_given_split

MAX_DEPTH = 4
MAX_PREFIX = 200
"""Characters that a logger may put in front: time, level, rank."""

_TOTALS = ("total_steps", "max_steps")


class JsonLinesParser(TextParser):
    """Source for JSON lines."""

    format = "jsonl"
    closing_mark = "}"
    carriage_returns = False

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._rows = Rows(self.timeline, self.options.names)
        self._nulls = Nulls()

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this line is an object with a loss in it."""
        start = text.find("{")
        if not 0 <= start <= MAX_PREFIX:
            return False
        try:
            items = flat(decode(text[start:].encode()))
        except DamagedLine:
            return False
        return any(number(value) is not None and names_a_loss(name, options.names) for name, value in items)

    def records_in(self, text: str) -> Iterator[Record]:
        """The records that this line completes."""
        start = text.find("{")
        if not 0 <= start <= MAX_PREFIX:
            return
        try:
            items = flat(decode(text[start:].encode()))
        except DamagedLine:
            if text[:start].strip():
                return  # a brace somewhere in another program's line
            raise
        for name, value in items:
            if name in _TOTALS:
                self.timeline.learn(planned_steps=value)
        items = self._nulls.resolved(items)
        row = (item for item in items if item[0] not in _TOTALS)
        yield from self._rows.add(of_given_split(row, self.options.split))

    def last_records(self) -> Iterator[Record]:
        """What still waits for more of its step."""
        yield from self._rows.flush()


def flat(record: Record, prefix: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """Names and values of an object; what is nested bears the names on the way, "train/loss"."""
    items: list[tuple[str, Any]] = []
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < MAX_DEPTH:
            items += flat(value, f"{name}/", depth + 1)
        else:
            items.append((name, value))
    return items
