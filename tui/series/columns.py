"""Records of one kind as columns: for each field the steps at which it was measured and the values.

How records come apart into columns is in fields.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.schema import Field
from flight_recorder.tui.series.fields import by_keys, columns_of
from flight_recorder.tui.series.growable import Growable
from flight_recorder.tui.series.pyramid import Pyramid
from flight_recorder.tui.series.smooth import MovingAverage

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

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

    @property
    def rows(self) -> Steps | None:
        """Row of each value in the table; None when the values are those of the first rows, one in each."""
        return None if self._rows is None else self._rows.view

    def steps_from(self, start: int) -> Steps:
        """The steps of the values from position `start` on, without touching the earlier ones."""
        if self._rows is None:
            return self._table_steps.view[start : self._values.size]
        return self._table_steps.view[self._rows.view[start:]]

    def values_from(self, start: int) -> Floats:
        """The values from position `start` on."""
        return self._values.view[start:]

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
        misshapen: how many values of each field of the schema were not of its shape; they are left out.
    """

    def __init__(self, fields: Mapping[str, Field] | None = None) -> None:
        self._fields = fields or {}
        self.misshapen: Counter[str] = Counter()
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
    def repeated_names(self) -> tuple[str, ...]:
        """Columns with more than one value: in print a name that stands once is a word before some number."""
        names = self.names
        return names if len(self) < 3 else tuple(name for name in names if len(self._columns[name]) > 1)

    @property
    def num_columns(self) -> int:
        """Columns so far; while it stands still and no row is dropped, no new name has appeared."""
        return len(self._columns)

    def group(self, field: str) -> dict[str, Column]:
        """The columns of a list field by item, {"block_0_out": ...}."""
        prefix = field + "/"
        found = {
            name.removeprefix(prefix): column
            for name, column in self._columns.items()
            if name.startswith(prefix) and len(column)
        }
        # In the order of the list, which need not be that in which its items were first measured.
        names = [str(name) for name in self.item_names.get(field, ())]
        places = {name: place for place, name in enumerate(names)}
        return dict(sorted(found.items(), key=lambda pair: places.get(pair[0], _place(pair[0]))))

    def extend(self, records: Sequence[Mapping[str, Any]]) -> set[str]:
        """Append records whose steps increase and are all beyond the last one; the keys that they have."""
        first_row = len(self)
        keys: set[str] = set()
        self._steps.append(np.fromiter(map(_STEP, records), np.int64, len(records)))
        parts: dict[str, list[tuple[Steps, Floats]]] = {}
        for places, fields in by_keys(records):
            rows = places + first_row
            keys.update(fields)
            for key, raw in fields.items():
                for name, (kept, values) in columns_of(
                    key, raw, self.item_names.get(key, ()), self._fields.get(key), self.misshapen
                ):
                    parts.setdefault(name, []).append((rows if kept is None else rows[kept], values))
        for name, pieces in parts.items():
            self._add(name, pieces)
        return keys

    def restore(self, steps: Steps, columns: Iterable[tuple[str, Floats, Steps | None]]) -> None:
        """Be the table with these steps and columns, each its name, values and rows; the arrays are kept."""
        self._steps.hold(steps)
        self._columns.clear()
        for name, values, rows in columns:
            column = self._columns[name] = Column(self._steps, 0)
            column._values.hold(values)
            if rows is not None:
                column._rows = Growable(np.int64)
                column._rows.hold(rows)
        self.num_items = sum("/" in name for name in self._columns)

    def keep_steps_before(self, step: int) -> None:
        """Drop what a resume has superseded: every record at this step or later."""
        row = int(np.searchsorted(self.steps, step))
        if row == len(self):
            return
        for column in self._columns.values():
            column.keep_rows_before(row)
        self._steps.size = row
        # A column that has nothing left goes too: whether a field is there must not depend on what was
        # superseded.
        self._columns = {name: column for name, column in self._columns.items() if len(column)}
        self.num_items = sum("/" in name for name in self._columns)

    def _add(self, name: str, pieces: list[tuple[Steps, Floats]]) -> None:
        rows, values = pieces[0]
        if len(pieces) > 1:
            rows = np.concatenate([rows for rows, _ in pieces])
            values = np.concatenate([values for _, values in pieces])
            order = np.argsort(rows, kind="stable")
            rows, values = rows[order], values[order]
        if not len(rows):
            return
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = Column(self._steps, int(rows[0]))
            self.num_items += "/" in name
        column.add(rows, values)


def _place(item: str) -> int:
    """Place in its list of an item without a name, which is called by it."""
    return int(item) if item.isdecimal() else 0
