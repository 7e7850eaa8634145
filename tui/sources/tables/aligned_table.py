"""A table printed with spaces between its columns, as fastai prints one row an epoch.

    epoch     train_loss  valid_loss  accuracy  time
    0         0.512000    0.431000    0.870000  00:10

Other lines may stand before and between its rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import field_of, names_a_loss, number
from flight_recorder.tui.sources.parser import SourceOptions, TextParser
from flight_recorder.tui.sources.tables.rows import Rows

_GAP = re.compile(r"\s{2,}")
_NAME = re.compile(r"(?:#|[A-Za-z][\w/.\- ]{0,60})")

MIN_COLUMNS = 3
"""Two words with a gap between them are no table yet."""

MAX_LENGTH = 2000
"""Characters of a line that may be names or a row."""


class AlignedTableParser(TextParser):
    """Source for a table whose columns are parted by spaces."""

    format = "table"

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._names: list[str] = []
        self._rows = Rows(self.timeline, self.options.names)

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this line names columns, a loss and a step or epoch among them."""
        names = names_of(text)
        has_place = any(field_of(name, options.names) in ("step", "epoch") for name in names)
        return has_place and any(names_a_loss(name, options.names) for name in names)

    def records_in(self, text: str) -> Iterator[Record]:
        """The records that this row completes."""
        if self.recognises(text, False, self.options):
            yield from self._rows.flush()
            self._names = names_of(text)
            return
        fields = text.split() if len(text) <= MAX_LENGTH else []
        if len(fields) == len(self._names) and fields and number(fields[0]) is not None:
            yield from self._rows.add(zip(self._names, fields, strict=True))

    def last_records(self) -> Iterator[Record]:
        """What still waits for more of its step."""
        yield from self._rows.flush()


def names_of(text: str) -> list[str]:
    """The names of columns in this line; [] where it is no row of names."""
    names = _GAP.split(text.strip()) if len(text) <= MAX_LENGTH else []
    are_names = len(names) >= MIN_COLUMNS and all(map(_NAME.fullmatch, names))
    return names if are_names and len(set(names)) == len(names) else []
