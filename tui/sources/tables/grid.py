"""Tables: a row of names over rows of numbers, whatever parts their columns.

    step,loss,lr        epoch     train_loss  valid_loss  time        | epoch | loss |
    1,2.5,1e-4          0         0.512000    0.431000    00:10       |     1 | 2.31 |

A new row of names holds from there on. Two rows of names are one, cell by cell. Rows with one more cell have
an index in front. Other lines may stand before and between the rows.
"""

from __future__ import annotations

import csv
import re
from typing import Any

from flight_recorder.tui.sources.naming.names import NUMBER, number

_BORDERS = str.maketrans("│┃║", "|||")
_WORDS = re.compile(r"\S+(?: \S+)*")
_GAP = re.compile(r"\s{2,}|\t")
_RULE = re.compile(r"[-=+|─━┄┈┼╇╈┿╪╫├┤┡┩┝┥└┘┌┐┏┓┗┛┳┻┯┷╭╮╰╯:*_\s]+")
_DECIMAL_COMMA = re.compile(r"[-+]?\d[\d.]*,\d+(?:[eE][-+]?\d+)?")
_VALUE_BEHIND = re.compile(rf"[ :=]{NUMBER}%?$", re.IGNORECASE)
"""What makes a name a line of prose: "Epoch 0, Step 0, Loss 7.5" names no columns."""
_HAS_VALUES = re.compile(r"=|: |(?:^|[ ,;\t|])[-+]?\d+(?:\.\d*)?(?:$|[ ,;\t|%])")
"""What no row of names has."""
_NAME = re.compile(r"[^\W\d][^\n]{0,99}|#|\d+[A-Za-z_][\w/ ]*")
_NOTHING = frozenset({"", "—", "–", "na", "n/a", "nan", "none", "null", "-", "--", "---"})
_CLOCK = re.compile(r"[\d:.]+ ?[smhd]?(?: \d+ ?[smhd])*")

MAX_LENGTH = 100_000
"""Characters of a line that may be names or a row."""


class Grid:
    """The table that is open, if any, and the line that may be the names of the next one.

    Attributes:
        names: of the open table; empty for none.
        delimiter: of the open table: a character, "  " for gaps of spaces, " " for single ones.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.delimiter = ","
        self._before: list[str] = []
        self._is_strict = False
        self._spans: list[tuple[int, int]] = []
        self._num_lines = 0

    @property
    def begins_with(self) -> list[str]:
        """The names of a table of which nothing but these has come."""
        if self.names or len(self._before) != 1 or self._num_lines != 1:
            return []
        delimiter = _delimiters_of(self._before[0])[0]
        fields = _fields(self._before[0], delimiter)
        return fields if _are_names(fields, delimiter) else []

    def row(self, text: str) -> list[Any] | None:
        """The cells of a line that is a row of numbers, [] for one that names columns, None for another.

        Raises:
            ValueError: the line is a row of another length.
        """
        self._num_lines += 1
        if len(text) > MAX_LENGTH and len(text := text.strip()) > MAX_LENGTH:
            return None
        if not text.isascii():
            text = text.translate(_BORDERS)
        if self.names:
            if (cells := self._cells(text)) is not None:
                return cells
            fields = _fields(text, self.delimiter)
            if len(fields) == len(self.names) > 1 and _are_names(fields, self.delimiter):
                self._open(fields, self.delimiter)
                return []
        return self._opened_by(text)

    def _opened_by(self, text: str) -> list[Any] | None:
        if _RULE.fullmatch(text):
            return None
        before, self._before = self._before, [] if _HAS_VALUES.search(text) else [text]
        for delimiter in _delimiters_of(text) if before else ():
            names = _fields(before[-1], delimiter) if before else []
            if not names or not _are_names(names, delimiter):
                continue
            fields = _fields(text, delimiter)
            if len(fields) == len(names) >= 3 and _are_names(fields, delimiter) and delimiter in ",\t;|":
                self._before = [*before[-1:], text]
                return None
            if delimiter == "  ":
                self._spans = [found.span() for found in _WORDS.finditer(before[-1])]
                if 1 < len(fields) < len(names) == len(self._spans):
                    fields = self._by_place(text) or fields
            if self._fits(names, fields, delimiter):
                return self._begun(before, names, fields, delimiter)
        if self._is_strict and text[:1].isdigit() and self.delimiter in text:
            raise ValueError(f"{len(_fields(text, self.delimiter))} fields under {len(self.names)} names")
        if self._is_strict and text[:1].isdigit() and len(self.names) > 1 and number(text) is not None:
            raise ValueError(f"1 fields under {len(self.names)} names")
        return None

    def _begun(
        self, before: list[str], names: list[str], fields: list[str], delimiter: str
    ) -> list[Any] | None:
        if len(before) > 1:
            upper = _fields(before[-2], delimiter)
            names = [f"{a}/{b}".strip("/") for a, b in zip(upper, names, strict=False)]
        if len(fields) == len(names) + 1 and fields[-1]:
            names = ["", *names]
        self._is_strict = self._num_lines <= 2 + len(before) and delimiter in ",\t;"
        self._open(names, delimiter)
        return self._numbers(fields[: len(names)])

    def _open(self, names: list[str], delimiter: str) -> None:
        self.names, self.delimiter, self._before = tuple(names), delimiter, []

    def _by_place(self, text: str) -> list[str]:
        """The cells of a row of which some are empty, by the columns that they begin or end under."""
        cells = {}
        for found in _WORDS.finditer(text):
            at = [n for n, (a, b) in enumerate(self._spans) if a == found.start() or b == found.end()]
            if not at:
                return []
            cells[at[0]] = found[0]
        return [cells.get(n, "") for n in range(len(self._spans))]

    def _fits(self, names: list[str], fields: list[str], delimiter: str) -> bool:
        """Whether these can be the first row under these names."""
        if len(fields) - len(names) not in (0, 1) or (len(names) == 1 and len(fields) != 1):
            return False
        values = [_value(field) for field in fields]
        num_numbers = sum(value is not None for value in values)
        if delimiter in "  ":
            return len(names) >= 3 and num_numbers >= 2 and all(map(_is_cell, fields))
        if delimiter == "|":
            return all(names) and len(names) >= 2 and values[0] is not None
        return num_numbers >= 1 and (len(names) > 1 or " " not in names[0])

    def _cells(self, text: str) -> list[Any] | None:
        delimiter, num = self.delimiter, len(self.names)
        if delimiter in ",\t;" and '"' not in text:
            fields = text.split(delimiter)
            if len(fields) == num:
                try:
                    return [float(field) if field else None for field in fields] if num > 1 else [float(text)]
                except ValueError:
                    pass
        fields = _fields(text, delimiter)
        if len(fields) == num + 1 and not fields[-1]:
            fields.pop()
        if delimiter == "  " and 1 < len(fields) < num:
            fields = self._by_place(text)
        if len(fields) != num or (delimiter in "  |" and not all(map(_is_cell, fields))):
            return None
        cells = self._numbers(fields)
        return cells if any(value is not None and value.__class__ is not str for value in cells) else None

    def _numbers(self, fields: list[str]) -> list[Any]:
        return [value if (value := _value(field)) is not None else field for field in fields]


def _fields(text: str, delimiter: str) -> list[str]:
    if delimiter == "  ":
        return _GAP.split(text.strip())
    if delimiter == " ":
        return text.split()
    if delimiter == "|":
        return [field.strip() for field in text.strip().strip("|").split("|")]
    if '"' in text:
        try:
            return [field.strip() for field in next(csv.reader([text], delimiter=delimiter))]
        except (csv.Error, StopIteration):
            return []
    return [field.strip() for field in text.split(delimiter)]


def _delimiters_of(text: str) -> list[str]:
    """What may part the columns of this line, the surest first."""
    found = [delimiter for delimiter in ("\t", ";", ",", "|") if delimiter in text]
    if "  " in text.strip():
        found.append("  ")
    if " " in text.strip():
        found.append(" ")
    return found or [","]


def _are_names(fields: list[str], delimiter: str) -> bool:
    if delimiter in "  " and len(fields) < 3:
        return False
    named = [field for field in fields if field]
    return bool(named) and len(set(named)) == len(named) and all(map(_is_name, named))


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and number(text) is None and not _VALUE_BEHIND.search(text)


def _is_cell(field: str) -> bool:
    return field.lower() in _NOTHING or _value(field) is not None or _CLOCK.fullmatch(field) is not None


def _value(field: str) -> float | int | None:
    """The number in a cell; one with a decimal comma or a percent sign too."""
    found = number(field)
    if found is None and field:
        if field[-1] == "%":
            return number(field[:-1])
        if _DECIMAL_COMMA.fullmatch(field):
            return number(field.replace(".", "").replace(",", "."))
    return found
