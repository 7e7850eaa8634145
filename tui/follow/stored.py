"""What a log has said up to some byte, as plain arrays: what its index holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged

_TAIL = 66
"""Newest records that say how fast the run was."""


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One field: its values and the rows of the table they belong to, None for one in every row so far."""

    name: str
    values: NDArray[np.float64]
    rows: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class StoredTable:
    """All records of one kind: their steps and their columns."""

    steps: NDArray[np.int64]
    columns: tuple[StoredColumn, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that a log has said before byte `offset`, resumes applied.

    `records` are those that come singly: header, initial, checkpoints, resumes, exit.
    """

    offset: int
    tables: Mapping[str, StoredTable]
    records: tuple[Record, ...]
    texts: tuple[tuple[int, str, Any], ...]
    damaged: tuple[Damaged, ...]
    num_out_of_order: int
    misshapen: Mapping[str, int] = field(default_factory=dict)

    def newest(self) -> list[Record]:
        """Kind, step and time of the newest records, in order: enough to tell the pulse of the run."""
        found: list[Record] = []
        for kind, table in self.tables.items():
            for column in table.columns:
                if column.name == "time":
                    rows = np.arange(len(table.steps)) if column.rows is None else column.rows
                    steps = table.steps[rows[: len(column.values)][-_TAIL:]].tolist()
                    times = column.values[-_TAIL:].tolist()
                    found += [
                        {"kind": kind, "step": step, "time": time}
                        for step, time in zip(steps, times, strict=True)
                    ]
        found.sort(key=lambda record: record["step"])
        return [*found[-_TAIL:], *(record for record in self.records if record["kind"] == "exit")]
