"""A run in other programs' formats: CSV, JSON lines in our own format, TensorBoard event files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.report.artefact import write_artefact
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.sources.errors import CannotRead

VALIDATION = "evaluation/"
"""Prefix of evaluation columns in formats that have one table for everything."""

Row = tuple[int, dict[str, float]]


def export_run(records: Sequence[Record], stem: str, to: str, out: Path | None) -> Path:
    """The path of the file or folder written: `out`, or the stem with the format's own ending.

    Raises:
        CannotRead: no such format, or the package that writes it is missing; nothing was written.
        OSError: the path cannot be written.
    """
    if to not in WRITERS:
        raise CannotRead(f"--to {to}: the formats are {', '.join(WRITERS)}.")
    ending, write = WRITERS[to]
    path = out or Path(f"{stem}{ending}")
    write(records, path)
    return path


def _columns(records: Sequence[Record]) -> dict[str, Column]:
    """Every column of the run, resumes applied, evaluations under their prefix."""
    recording = Recording()
    recording.extend(records)
    steps = {name: recording.steps[name] for name in recording.steps.names}
    evaluations = {VALIDATION + name: recording.evaluations[name] for name in recording.evaluations.names}
    return steps | evaluations


def _rows(columns: dict[str, Column]) -> Iterable[Row]:
    """(step, values by column) of every step that has any, in order."""
    values: dict[int, dict[str, float]] = {}
    for name, column in columns.items():
        for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
            values.setdefault(step, {})[name] = value
    return sorted(values.items())


def _write_csv(records: Sequence[Record], path: Path) -> None:
    """A row a step; an empty cell is what was not measured, nan and inf are what was."""
    columns = _columns(records)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", *columns])
    for step, values in _rows(columns):
        table.writerow([step, *(values.get(name, "") for name in columns)])
    write_artefact(path, text.getvalue())


def _write_jsonl(records: Sequence[Record], path: Path) -> None:
    """The records in our own format, so that a foreign log becomes one of ours."""
    write_artefact(path, "".join(encode(record).decode() for record in records))


def _write_tensorboard(records: Sequence[Record], path: Path) -> None:
    """An event file in the folder `path`, a scalar a column."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ModuleNotFoundError:
        raise CannotRead(
            "--to tensorboard needs the tensorboard package: "
            "pip install 'training-flight-recorder[tensorboard]'."
        ) from None
    writer = EventFileWriter(str(path))
    for step, values in _rows(_columns(records)):
        written_at = values.pop("time", values.pop(f"{VALIDATION}time", 0.0))
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        writer.add_event(Event(wall_time=written_at, step=step, summary=Summary(value=scalars)))
    writer.close()


WRITERS: dict[str, tuple[str, Callable[[Sequence[Record], Path], None]]] = {
    "csv": (".csv", _write_csv),
    "jsonl": (".jsonl", _write_jsonl),
    "tensorboard": (".tensorboard", _write_tensorboard),
}
