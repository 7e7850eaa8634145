"""A recording as plain arrays, and back: what goes into the index of a log and comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.follow.stored import Stored, StoredColumn, StoredTable
from flight_recorder.tui.series.columns import Table
from flight_recorder.tui.series.recording import Recording


def stored(recording: Recording, offset: int, damaged: Sequence[Damaged]) -> Stored:
    """All of a recording that covers the log up to `offset`. The arrays are views: they grow no more, but a
    resume that drops rows lets others take their place."""
    return Stored(
        offset,
        {"step": _table(recording.steps), "evaluation": _table(recording.evaluations)},
        tuple(_single(recording)),
        tuple(recording.texts),
        tuple(damaged),
        recording.num_out_of_order,
        recording.misshapen,
    )


def restored(stored: Stored) -> Recording:
    """The recording that was stored; it goes on to grow like the one it was."""
    recording = Recording()
    by_kind: dict[str, list[Record]] = {}
    for record in stored.records:
        by_kind.setdefault(record["kind"], []).append(record)
    recording.extend([*by_kind.get("header", []), *by_kind.get("initial", []), *by_kind.get("exit", [])])
    recording.checkpoints = by_kind.get("checkpoint", [])
    recording.resumes = by_kind.get("resume", [])
    recording.num_resets = len(recording.resumes)
    recording.texts = list(stored.texts)
    recording.num_out_of_order = stored.num_out_of_order
    recording.misshapen_before = stored.misshapen
    for kind, table in (("step", recording.steps), ("evaluation", recording.evaluations)):
        columns = stored.tables[kind].columns
        table.restore(stored.tables[kind].steps, [(one.name, one.values, one.rows) for one in columns])
    return recording


def _table(table: Table) -> StoredTable:
    columns = [(name, table[name]) for name in table.names]
    return StoredTable(
        table.steps, tuple(StoredColumn(name, column.values, column.rows) for name, column in columns)
    )


def _single(recording: Recording) -> Iterable[dict[str, Any]]:
    if recording.header:
        yield {"kind": "header", **recording.header}
    if recording.initial is not None:
        yield recording.initial
    yield from recording.checkpoints
    yield from recording.resumes
    if recording.exit is not None:
        yield recording.exit
