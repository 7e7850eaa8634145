"""A run in other programs' formats: CSV, JSON lines in our own format, TensorBoard event files."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from flight_recorder.engine.runlog.atomic_file import write_atomically
from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.report.artefact import write_artefact
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.naming.names import EVALUATED

_TIMES = ("time", f"{EVALUATED}time")

Tell = Callable[[str], object]
Row = tuple[int, dict[str, float]]


def _on_stderr(sentence: str) -> None:
    sys.stderr.write(f"tui: {sentence}\n")


def export_run(
    records: Sequence[Record], stem: str, to: str, out: Path | None, tell: Tell = _on_stderr
) -> Path:
    """The path of the file or folder written: `out`, or the stem with the format's own ending.

    `tell` is told what the format could not keep.

    Raises:
        CannotRead: no such format, or the package that writes it is missing; nothing was written.
        OSError: the path cannot be written.
    """
    if to not in WRITERS:
        raise CannotRead(f"--to {to}: the formats are {', '.join(WRITERS)}.")
    ending, write = WRITERS[to]
    path = out or Path(f"{stem}{ending}")
    write(records, path, tell)
    return path


def _columns(records: Sequence[Record]) -> dict[str, Column]:
    """Every column of the run, resumes applied, evaluations under their prefix."""
    recording = Recording()
    recording.extend(records)
    steps = {name: recording.steps[name] for name in recording.steps.names}
    evaluations = {EVALUATED + name: recording.evaluations[name] for name in recording.evaluations.names}
    return steps | evaluations


def _rows(columns: dict[str, Column]) -> Iterable[Row]:
    """(step, values by column) of every step that has any, in order."""
    values: dict[int, dict[str, float]] = {}
    for name, column in columns.items():
        for step, value in zip(column.steps.tolist(), column.values.tolist(), strict=True):
            values.setdefault(step, {})[name] = value
    return sorted(values.items())


def _write_csv(records: Sequence[Record], path: Path, tell: Tell) -> None:
    """A row a step; an empty cell is what was not measured, nan and inf are what was."""
    columns = _columns(records)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", *columns])
    for step, values in _rows(columns):
        table.writerow([step, *(values.get(name, "") for name in columns)])
    write_artefact(path, text.getvalue())


def _write_jsonl(records: Sequence[Record], path: Path, tell: Tell) -> None:
    """The records in our own format, so that a foreign log becomes one of ours, every digit kept."""
    write_artefact(path, "".join(encode(record, exact=True).decode() for record in records))


def _write_tensorboard(records: Sequence[Record], path: Path, tell: Tell) -> None:
    """An event file in the folder `path`, a scalar a column; written again it takes its own place.

    Its numbers have 32 bits. What is beyond their range is left out: as inf or 0 it would be another fact.
    """
    rows = list(_rows(_columns(records)))
    beyond = Counter(name for _, values in rows for name in values if not _fits(name, values[name]))
    content = _event_file(
        (step, {name: value for name, value in values.items() if _fits(name, value)}) for step, values in rows
    )
    is_new = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    try:
        write_atomically(path / "events.out.tfevents.0.training-flight-recorder", content)
    except OSError:
        if is_new:
            path.rmdir()
        raise
    if beyond:
        names = ", ".join(f"{name} ({count:,})" for name, count in beyond.items())
        tell(f"left out {beyond.total():,} numbers beyond the range of TensorBoard's 32 bits: {names}.")


def _fits(name: str, value: float) -> bool:
    """Whether 32 bits can hold a number of this size; times are not written as numbers."""
    if name in _TIMES or not math.isfinite(value):
        return True
    with np.errstate(over="ignore", under="ignore"):
        kept = float(np.float32(value))
    return math.isfinite(kept) and (kept != 0) == (value != 0)


def _event_file(rows: Iterable[Row]) -> bytes:
    """The bytes of an event file. They are made before any is written: its own writer loses errors."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ModuleNotFoundError:
        raise CannotRead(
            "--to tensorboard needs the tensorboard package: "
            "pip install 'training-flight-recorder[tensorboard]'."
        ) from None
    content = io.BytesIO()
    writer = RecordWriter(content)
    writer.write(Event(file_version="brain.Event:2").SerializeToString())
    for step, values in rows:
        times = [values.pop(name) for name in _TIMES if name in values]
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        event = Event(wall_time=times[0] if times else 0.0, step=step, summary=Summary(value=scalars))
        writer.write(event.SerializeToString())
    return content.getvalue()


WRITERS: dict[str, tuple[str, Callable[[Sequence[Record], Path, Tell], None]]] = {
    "csv": (".csv", _write_csv),
    "jsonl": (".jsonl", _write_jsonl),
    "tensorboard": (".tensorboard", _write_tensorboard),
}
