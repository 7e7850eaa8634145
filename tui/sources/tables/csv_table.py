"""CSV of any program, Lightning's metrics.csv among them: a row of names, then rows of numbers, many empty.

A new row of names in the middle holds from there on (two runs in one file). Lightning writes the whole file
anew when a metric appears that the names lack; the follower sees that as a new file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import NUMBER, names_a_loss, number
from flight_recorder.tui.sources.parser import SourceOptions, TextParser
from flight_recorder.tui.sources.tables.rows import Rows, of_given_split

_DELIMITERS = (",", "\t", ";")
_DECIMAL_COMMA = re.compile(r"[-+]?\d[\d.]*,\d+(?:[eE][-+]?\d+)?")
_VALUE_BEHIND = re.compile(rf"[ :=]{NUMBER}$", re.IGNORECASE)
"""What makes a name a line of prose: "Epoch 0, Step 0, Loss 7.5" names no columns."""
_NAME = re.compile(r"[\w][\w ./\-:()%|@+\[\]]{0,199}")


class CsvParser(TextParser):
    """Source for CSV with a row of names."""

    format = "csv"
    carriage_returns = False

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__(options)
        self._names: list[str] = []
        self._delimiter = ","
        self._rows = Rows(self.timeline, self.options.names)

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this first line names columns, a loss among them."""
        return is_first and (_names_in(text, options) or _only_name(text, options)) is not None

    def records_in(self, text: str) -> Iterator[Record]:
        """The records that this row completes.

        Raises:
            ValueError: the row has another number of fields than there are names.
        """
        if text.startswith("#"):
            return
        found = _names_in(text, self.options) or (None if self._names else _only_name(text, self.options))
        if found is not None:
            yield from self._rows.flush()
            self._delimiter, self._names = found
            return
        fields = _fields(text, self._delimiter)
        fields = [_with_a_point(field) for field in fields]
        if len(fields) != len(self._names):
            raise ValueError(f"{len(fields)} fields under {len(self._names)} names")
        if not any(number(field) is not None for field in fields):
            raise ValueError("a row without a number")
        row = zip(self._names, fields, strict=True)
        yield from self._rows.add(of_given_split(row, self.options.split))

    def last_records(self) -> Iterator[Record]:
        """What still waits for more of its step."""
        yield from self._rows.flush()


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([text], delimiter=delimiter))]
    except (csv.Error, StopIteration):
        raise ValueError("not a row of CSV") from None


def _with_a_point(field: str) -> str:
    """A number with a decimal comma, for which the fields are parted by semicolons, or quoted."""
    return field.replace(".", "").replace(",", ".") if _DECIMAL_COMMA.fullmatch(field) else field


def _names_in(text: str, options: SourceOptions) -> tuple[str, list[str]] | None:
    """Delimiter and names, if this is a row of names with a loss among them."""
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        try:
            names = _fields(text, delimiter)
        except ValueError:
            continue
        are_names = len(names) > 1 and all(map(_is_name, names)) and len(set(names)) == len(names)
        if are_names and any(names_a_loss(name, options.names) for name in names):
            return delimiter, names
    return None


def _only_name(text: str, options: SourceOptions) -> tuple[str, list[str]] | None:
    """The only column of a table, if this line names a loss in one word and nothing else."""
    name = text.strip().strip("\"'")
    is_one = name.isascii() and _NAME.fullmatch(name) is not None and " " not in name
    return (",", [name]) if is_one and names_a_loss(name, options.names) else None


def columns_of(first: str, second: str) -> list[str]:
    """The fields of the first line if these two could be the beginning of a table; [] if they could not."""
    if number(second) is not None and _is_name(first):
        return [first.strip()]
    for delimiter in (delimiter for delimiter in _DELIMITERS if delimiter in first):
        fields, below = _fields(first, delimiter), _fields(second, delimiter)
        is_table = len(fields) == len(below) and any(number(one) is not None for one in below)
        if is_table and (all(map(_is_name, fields)) or all(number(one) is not None for one in fields)):
            return fields
    return []


def _is_name(text: str) -> bool:
    is_number = number(text) is not None or _VALUE_BEHIND.search(text) is not None
    return not text or (_NAME.fullmatch(text) is not None and not is_number)
