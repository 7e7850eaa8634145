"""Records of one kind as columns: for each field the steps at which it was measured and the values.

Adding is the hot path (a million records at opening), so records are grouped by the keys they have and each
group is taken apart column by column, not value by value.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.series.growable import Growable
from tui.series.pyramid import Pyramid
from tui.series.smooth import MovingAverage

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

Raw = Sequence[Any]
"""What records say under one key, one entry a record."""
Parsed = tuple[str, NDArray[np.bool_] | None, Floats]

_NOT_NUMBERS = frozenset({"kind", "step"})
_STEP = itemgetter("step")


class Column:
    """One field: `steps` and `values` of equal length, only where it was measured.

    A field that is in every record shares the steps of its table; one that is not keeps the numbers of its
    rows. Both arrays are views that must not be written to.
    """

    def __init__(self, table_steps: Growable[np.int64], num_missing: int) -> None:
        self._table_steps = table_steps
        self._values = Growable(np.float64)
        self._rows: Growable[np.int64] | None = Growable(np.int64) if num_missing else None
        self._pyramid = Pyramid()
        self._averages: dict[int, tuple[MovingAverage, Column]] = {}

    def __len__(self) -> int:
        return self._values.size

    @property
    def steps(self) -> Steps:
        """Step of each value, strictly increasing."""
        if self._rows is None:
            return self._table_steps.view[: self._values.size]
        return self._table_steps.view[self._rows.view]

    @property
    def values(self) -> Floats:
        """What was measured; NaN means that the run wrote NaN, never that it wrote nothing."""
        return self._values.view

    def steps_from(self, start: int) -> Steps:
        """The steps of the values from position `start` on, without touching the earlier ones."""
        if self._rows is None:
            return self._table_steps.view[start : self._values.size]
        return self._table_steps.view[self._rows.view[start:]]

    @property
    def pyramid(self) -> Pyramid:
        """Extremes over ranges of positions, up to date; only values new since the last look are read."""
        self._pyramid.extend(self.values)
        return self._pyramid

    def averaged(self, length: int) -> Column:
        """The exponential moving average of this length at the same steps, up to date."""
        if length not in self._averages:
            self._averages[length] = (MovingAverage(length), Column(self._table_steps, 0))
        average, column = self._averages[length]
        column._rows = self._rows
        column._values.append(average.extend(self.values[len(column) :]))
        return column

    def steps_at(self, positions: NDArray[np.int64]) -> Steps:
        """The steps of the values at these positions."""
        rows = positions if self._rows is None else self._rows.view[positions]
        return self._table_steps.view[rows]

    def num_before(self, steps: Steps) -> NDArray[np.int64]:
        """How many values were measured before each of these steps: the position of the first from it on."""
        rows = np.searchsorted(self._table_steps.view, steps)
        if self._rows is None:
            return np.minimum(rows, len(self))
        return np.searchsorted(self._rows.view, rows)

    def add(self, rows: NDArray[np.int64], values: Floats) -> None:
        """Append values measured at these rows of the table."""
        first_gap = self._rows is None and (rows[0] != len(self) or rows[-1] - rows[0] + 1 != len(rows))
        if first_gap:
            self._rows = Growable(np.int64)
            self._rows.append(np.arange(len(self)))
        if self._rows is not None:
            self._rows.append(rows)
        self._values.append(values)

    def keep_rows_before(self, row: int) -> None:
        """Forget everything measured at this row of the table or later."""
        if self._rows is None:
            self._values.size = min(self._values.size, row)
        else:
            self._rows.size = int(np.searchsorted(self._rows.view, row))
            self._values.size = self._rows.size
        self._pyramid.keep(self._values.size)
        self._averages.clear()


class Table:
    """All records of one kind, by column.

    A list field becomes one column per item, "activation/block_0_out"; the names of the items come from
    `item_names`, by position where there are none. Hexadecimal hashes become numbers, other text is left out.

    Attributes:
        num_items: columns so far that are items of a list.
    """

    def __init__(self) -> None:
        self._steps = Growable(np.int64)
        self._columns: dict[str, Column] = {}
        self.item_names: dict[str, Sequence[str]] = {}
        self.num_items = 0

    def __len__(self) -> int:
        return self._steps.size

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> Column:
        """The column of this name; an empty one when nothing was measured under it."""
        return self._columns.get(name) or Column(self._steps, 0)

    @property
    def steps(self) -> Steps:
        """Step of each record, strictly increasing."""
        return self._steps.view

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that holds something, in order of appearance."""
        return tuple(name for name, column in self._columns.items() if len(column))

    @property
    def num_columns(self) -> int:
        """Columns so far, empty ones included; while it stands still, no new name has appeared."""
        return len(self._columns)

    def group(self, field: str) -> dict[str, Column]:
        """The columns of a list field by item, {"block_0_out": ...}."""
        prefix = field + "/"
        return {
            name.removeprefix(prefix): column
            for name, column in self._columns.items()
            if name.startswith(prefix) and len(column)
        }

    def extend(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Append records whose steps increase and are all beyond the last one."""
        first_row = len(self)
        self._steps.append(np.fromiter(map(_STEP, records), np.int64, len(records)))
        parts: dict[str, list[tuple[NDArray[np.int64], Floats]]] = {}
        for keys, rows, alike in _grouped(records):
            # Records with the same keys in the same order: their values side by side are the columns.
            for key, raw in zip(keys, zip(*[record.values() for record in alike], strict=True), strict=True):
                if key in _NOT_NUMBERS:
                    continue
                for name, kept, values in self._parsed(key, raw):
                    chosen = rows if kept is None else rows[kept]
                    if len(chosen):
                        parts.setdefault(name, []).append((chosen + first_row, values))
        for name, pieces in parts.items():
            self._add(name, pieces)

    def keep_steps_before(self, step: int) -> None:
        """Drop what a resume has superseded: every record at this step or later."""
        row = int(np.searchsorted(self.steps, step))
        if row == len(self):
            return
        for column in self._columns.values():
            column.keep_rows_before(row)
        self._steps.size = row

    def _add(self, name: str, pieces: list[tuple[NDArray[np.int64], Floats]]) -> None:
        rows = np.concatenate([rows for rows, _ in pieces])
        values = np.concatenate([values for _, values in pieces])
        if len(pieces) > 1:
            order = np.argsort(rows, kind="stable")
            rows, values = rows[order], values[order]
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = Column(self._steps, int(rows[0]))
            self.num_items += "/" in name
        column.add(rows, values)

    def _parsed(self, key: str, raw: Raw) -> Iterable[Parsed]:
        """(column, which of the records have a value or None for all, the values) for one key."""
        first = raw[0]
        if isinstance(first, list):
            yield from self._parsed_lists(key, raw)
        else:
            is_hash = isinstance(first, str) and key.endswith("_hash")
            yield _parsed_values(key, raw, _hash_number if is_hash else _number)

    def _parsed_lists(self, key: str, raw: Raw) -> Iterable[Parsed]:
        names = self.item_names.get(key, ())
        is_hash = key.endswith("_checksums")
        if not is_hash and _are_tables(raw):
            columns: Iterable[Raw] = zip(*raw, strict=True)
        else:
            width = max(len(value) for value in raw if isinstance(value, list))
            columns = (
                [value[item] if isinstance(value, list) and item < len(value) else None for value in raw]
                for item in range(width)
            )
        for item, column in enumerate(columns):
            name = f"{key}/{names[item] if item < len(names) else item}"
            yield _parsed_values(name, column, _hash_number if is_hash else _number)


def _grouped(
    records: Sequence[Mapping[str, Any]],
) -> Iterable[tuple[tuple[str, ...], NDArray[np.int64], list[Mapping[str, Any]]]]:
    """Records that have the same keys in the same order, with their positions."""
    by_keys: dict[tuple[str, ...], list[int]] = {}
    for index, keys in enumerate(map(tuple, records)):
        by_keys.setdefault(keys, []).append(index)
    for keys, indices in by_keys.items():
        yield keys, np.array(indices, np.int64), [records[index] for index in indices]


def _are_tables(raw: Raw) -> bool:
    """Whether these are lists of one length, so that they can be turned by ninety degrees as they are."""
    return set(map(type, raw)) == {list} and len(set(map(len, raw))) == 1


def _parsed_values(name: str, raw: Raw, number: Callable[[Any], float | None]) -> Parsed:
    """The column of these values by `number`, which gives None for what is none."""
    if number is _number:
        try:  # unlike numpy, array takes neither text nor None for a number; it takes half the time too
            return name, None, np.frombuffer(array("d", raw))
        except (TypeError, OverflowError):
            pass
    numbers = [number(value) for value in raw]
    kept = np.array([number is not None for number in numbers])
    return name, kept, np.array([number for number in numbers if number is not None], np.float64)


def _number(value: Any) -> float | None:
    """The value as a number; None for anything else, text that looks like a number included."""
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return None


def _hash_number(text: Any) -> float | None:
    try:
        return float(int(text, 16))
    except (TypeError, ValueError):
        return None
