"""The rows that a measure has not seen yet, with as much of the past as its window needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.schema import EVALUATION, STEP
from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.series.columns import Column, Table
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.sources.naming.directions import direction_of

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]
K = TypeVar("K")

_SCALARS = frozenset(
    name
    for name in STEP | EVALUATION
    if all(t[name].shape == "scalar" for t in (STEP, EVALUATION) if name in t)
)

_KNOWN = frozenset(STEP | EVALUATION)

PREFIX = "signal."
"""What reads of a signal begin with."""

STEP_OF_EACH, METRICS = "step", "metrics"
"""Reads of every row of the table there is, and of every column that is a metric by its name."""

WHOLE_PREFIXES = ("header.", "initial.", "checkpoint.", "resume.", "exit.")
"""Reads that are facts of the run and not rows of a table."""


class Rows(Protocol):
    """What a stream needs of a column."""

    def __len__(self) -> int:
        """Values so far."""

    def steps_from(self, start: int) -> Steps:
        """The steps of the values from position `start` on."""

    def values_from(self, start: int) -> Floats:
        """The values from position `start` on."""


class _EachRow:
    """The rows of a table themselves, as a column."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def steps_from(self, start: int) -> Steps:
        """The steps of the rows from this one on."""
        return self._table.steps[start:]

    def values_from(self, start: int) -> Floats:
        """The same as numbers."""
        return self._table.steps[start:].astype(np.float64)


class SignalsRead(Protocol):
    """What a view and a stream need of the signals of a run; signals.signal.Signals has it."""

    def object(self, name: str) -> Any:
        """What a signal without columns is asked for."""

    def column(self, name: str) -> Rows | None:
        """A column of a signal, None for a signal that has none."""

    def is_of_evaluations(self, name: str) -> bool:
        """Whether its rows are evaluations."""

    def missing(self, name: str, recording: Recording) -> str | None:
        """The first field of the log that it lacks."""


class View:
    """New rows of the columns that a check reads; every array has one value per row.

    Attributes:
        facts: what the log says of the run as a whole.
        recording: everything else. Whoever looks into another table may use only what is strictly before
            the row's own step: an evaluation and a step record of the same step come in either order, and a
            verdict must not depend on which part of the log had arrived.
        steps: step of each new row.
        num_past: rows before the new ones in the arrays of `with_past`.
        first_index: number of rows that this check had seen before the new ones.
    """

    def __init__(
        self,
        recording: Recording,
        facts: Facts,
        steps: Steps,
        columns: dict[str, Floats],
        num_past: int = 0,
        first_index: int = 0,
        signals: SignalsRead | None = None,
        memory: dict[str, Any] | None = None,
    ) -> None:
        self._signals = signals
        self._memory = {} if memory is None else memory
        self.recording = recording
        self.facts = facts
        self.num_past = num_past
        self.first_index = first_index
        self.steps_with_past = steps
        self.steps = steps[num_past:]
        self._columns = columns

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> Floats:
        """Values of the new rows; NaN is what the run wrote, or for an optional field that it is absent."""
        return self._columns[name.removeprefix("evaluation.")][self.num_past :]

    def with_past(self, name: str) -> Floats:
        """Values of the past rows and the new ones."""
        return self._columns[name.removeprefix("evaluation.")]

    def signal(self, name: str) -> Any:
        """A signal that is an object, to be asked as of a row or a step of this view."""
        assert self._signals is not None
        return self._signals.object(name)

    def kept(self, name: str, make: Callable[..., K], *given: Any) -> K:
        """What this measure carries from view to view under a name of its own, made at its first use.

        A log that is replayed from its start begins with an empty memory.
        """
        if name not in self._memory:
            self._memory[name] = make(*given)
        found: K = self._memory[name]
        return found

    def items(self, field: str) -> dict[str, Floats]:
        """The new rows of each item of a list field, {"block_0_out": ...}, in the order of the header."""
        prefix = field.removeprefix("evaluation.") + "/"
        return {
            name.removeprefix(prefix): values[self.num_past :]
            for name, values in self._columns.items()
            if name.startswith(prefix)
        }

    def metrics(self) -> dict[str, Floats]:
        """The new rows of each column that is a metric; NaN where a row has none."""
        return {name: values[self.num_past :] for name, values in self._columns.items() if direction_of(name)}

    def only(self, rows: slice) -> View:
        """The same view with these of the new rows only, and no past."""
        start, stop, _ = rows.indices(len(self))
        kept = slice(self.num_past + start, self.num_past + stop)
        columns = {name: values[kept] for name, values in self._columns.items()}
        steps = self.steps_with_past[kept]
        first_index, memory = self.first_index + start, self._memory
        return View(self.recording, self.facts, steps, columns, 0, first_index, self._signals, memory)


def latest_before(column: Column, steps: Steps) -> Floats:
    """For each step the newest value of a column of another table strictly before it; NaN where none."""
    if not len(column):
        return np.full(len(steps), np.nan)
    found = np.searchsorted(column.steps, steps, side="left") - 1
    values = column.values[np.maximum(found, 0)]
    return np.where(found >= 0, values, np.nan)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which columns a check's fields are, found out anew only when the table has got a new column."""

    num_columns: int
    required: list[str]
    optional: list[str]
    absent: list[str]


class Stream:
    """Hands each row of the columns that a check reads to it exactly once."""

    def __init__(
        self,
        reads: Sequence[str],
        optional: Sequence[str],
        window: int,
        signals: SignalsRead | None = None,
    ) -> None:
        self._signals = signals
        self._derived = [name for name in reads if name.startswith(PREFIX)]
        rows = [name for name in reads if not name.startswith(WHOLE_PREFIXES) and self._has_rows(name)]
        self.of_evaluations = any(
            name.startswith("evaluation.")
            or (name.startswith(PREFIX) and signals is not None and signals.is_of_evaluations(_bare(name)))
            for name in rows
        )
        self._fields = [name.removeprefix("evaluation.") for name in rows]
        self._optional = [name.removeprefix("evaluation.") for name in optional]
        self._window = window
        self._taken: dict[str, int] = {}
        self._plan: _Plan | None = None
        self._past: tuple[Steps, dict[str, Floats]] | None = None
        self._memory: dict[str, Any] = {}
        self.num_rows = 0

    def table(self, recording: Recording) -> Table:
        """The table that the rows are of."""
        return recording.evaluations if self.of_evaluations else recording.steps

    def missing(self, recording: Recording) -> str | None:
        """The first field that no record has had, or None."""
        table = self.table(recording)
        behind = (self._signals.missing(_bare(name), recording) for name in self._derived if self._signals)
        fields = (field for field in self._fields if not _names_of(table, field))
        return next((field for field in (*fields, *behind) if field), None)

    def _has_rows(self, name: str) -> bool:
        """Whether this read is a column, and no object that is asked for."""
        return not name.startswith(PREFIX) or (
            self._signals is not None and self._signals.column(_bare(name)) is not None
        )

    def _column(self, table: Table, name: str) -> Rows:
        if name == STEP_OF_EACH:
            return _EachRow(table)
        if not name.startswith(PREFIX) or self._signals is None:
            return table[name]
        column = self._signals.column(_bare(name))
        assert column is not None
        return column

    def take(self, recording: Recording, facts: Facts) -> View | None:
        """The rows added since the last call; None when there are none."""
        table = self.table(recording)
        if self._plan is None or self._plan.num_columns != table.num_columns:
            self._plan = self._planned(table)
        plan = self._plan
        if not plan.required:
            return None
        first = plan.required[0]
        if len(self._column(table, first)) == self._taken.get(first, 0):
            return None
        steps, columns = self._joined(table, plan)
        for field in plan.absent:
            columns[field] = np.full(len(steps), np.nan)
        return self._with_past(recording, facts, steps, columns) if len(steps) else None

    def _planned(self, table: Table) -> _Plan:
        groups = [_names_of(table, field) for field in self._fields]
        optional = {field: _names_of(table, field) for field in self._optional}
        return _Plan(
            num_columns=table.num_columns,
            required=[name for group in groups for name in group] if all(groups) else [],
            optional=[name for names in optional.values() for name in names],
            absent=[field for field, names in optional.items() if not names],
        )

    def _joined(self, table: Table, plan: _Plan) -> tuple[Steps, dict[str, Floats]]:
        new: dict[str, tuple[Steps, Floats]] = {}
        for name in (*plan.required, *plan.optional):
            column = self._column(table, name)
            start = self._taken.get(name, 0)
            new[name] = column.steps_from(start), column.values_from(start)
            self._taken[name] = len(column)
        steps = min((new[name][0] for name in plan.required), key=len)
        for name in plan.required:
            steps = _common(steps, new[name][0])
        return steps, {name: _aligned(steps, *pair) for name, pair in new.items()}

    def _with_past(
        self, recording: Recording, facts: Facts, steps: Steps, columns: dict[str, Floats]
    ) -> View:
        first_index, num_past = self.num_rows, 0
        self.num_rows += len(steps)
        if self._past is not None:
            past_steps, past = self._past
            num_past = len(past_steps)
            steps = np.concatenate([past_steps, steps])
            columns = {
                name: np.concatenate([past.get(name, np.full(num_past, np.nan)), values])
                for name, values in columns.items()
            }
        if self._window > 1:
            keep = self._window - 1
            self._past = steps[-keep:].copy(), {name: v[-keep:].copy() for name, v in columns.items()}
        return View(recording, facts, steps, columns, num_past, first_index, self._signals, self._memory)


def _bare(name: str) -> str:
    return name.removeprefix(PREFIX)


def _names_of(table: Table, field: str) -> list[str]:
    """The columns of a field: itself, or one for each item of a list field.

    A foreign log may well have a "grad_norm/layer1" and no "grad_norm": no part of a number is the number.
    """
    if field in table or field.startswith(PREFIX) or (field == STEP_OF_EACH and len(table)):
        return [field]
    if field == METRICS:
        return [name for name in table.names if name not in _KNOWN and direction_of(name)]
    if field in _SCALARS:
        return []
    return [f"{field}/{item}" for item in table.group(field)]


def _common(steps: Steps, others: Steps) -> Steps:
    """Those of the steps that are among the others."""
    if _same(steps, others) or not len(others):
        return steps if len(others) else others
    found = np.minimum(np.searchsorted(others, steps), len(others) - 1)
    kept: Steps = steps[others[found] == steps]
    return kept


def _same(first: Steps, second: Steps) -> bool:
    """Whether two strictly increasing arrays of steps are equal; looks at the ends before it looks at all."""
    if first is second:
        return True
    count = len(first)
    if count != len(second):
        return False
    if count == 0:
        return True
    if first[0] != second[0] or first[-1] != second[-1]:
        return False
    return bool(first[-1] - first[0] == count - 1 or (first == second).all())


def _aligned(steps: Steps, own_steps: Steps, values: Floats) -> Floats:
    """The values at `steps`, NaN where this column has none."""
    if _same(steps, own_steps):
        return values
    if not len(own_steps):
        return np.full(len(steps), np.nan)
    found = np.minimum(np.searchsorted(own_steps, steps), len(own_steps) - 1)
    return np.where(own_steps[found] == steps, values[found], np.nan)
