"""The log of a loop that is not ours: which record comes before which, and from what they are made."""

from __future__ import annotations

import difflib
import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from flight_recorder.engine.probes.delivery import Delivery
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.setup import device_of
from flight_recorder.engine.runlog.printable import printable
from flight_recorder.engine.runlog.schema import FORMAT_VERSION, LOG_NAME, Field
from flight_recorder.engine.runlog.writer import LogWriter

_OF_INITIAL = ("activation", "activation_rms")
_LOGGER = logging.getLogger(__name__)


class InspectorLog:
    """Writes header, initial, steps and what lies between them, in this order.

    The header waits for the first record, when the first passes have shown what the model looks like inside;
    the initial record takes the activations of the first step. Steps whose numbers are still on a device are
    written when these have arrived, and nothing overtakes them.

    Args:
        path: the log, or the run folder it goes into; folders are made.
        model: where its parameters are, numbers come from.
        initial: fields of the initial record; None for a log that has one.
        first_step: optimizer steps already done.
        resume: continue the log of an earlier process instead of starting one.

    Raises:
        FileExistsError: there is a log already and `resume` is off.
        FileNotFoundError: `resume` is on and there is no log.
        LogInUse: another process is writing it.
    """

    def __init__(
        self, path: Path, model: nn.Module, initial: Fields | None, *, first_step: int, resume: bool
    ) -> None:
        path = path if path.suffix else path / LOG_NAME
        self.needs_header = not resume
        self._initial = initial
        self._needs_initial = initial is not None
        device = device_of(model)
        self._is_on_host = device.type == "cpu"
        self._delivery = Delivery(device)
        self._writer = _reopened(path, first_step) if resume else _created(path)

    def header(self, fields: Fields) -> None:
        """The first record; a `name` in the fields wins over the folder's."""
        self.needs_header = False
        name = self._writer.path.resolve().parent.name
        begin = {"kind": "header", "format": FORMAT_VERSION, "run_id": uuid.uuid4().hex, "name": name}
        self._append(begin | fields)

    def add_to_initial(self, fields: Fields) -> None:
        """More of what is known before the first step; a record that is written is written again, with it."""
        if self._initial is None or not fields:
            return
        self._initial = {**self._initial, **fields}
        if not self._needs_initial:
            self.write({"kind": "initial", **self._initial})

    def step(self, record: Fields, measured: Sequence[Measured]) -> None:
        """One step, and all before it that are whole by now."""
        is_whole = not measured and not any(isinstance(value, Tensor) for value in record.values())
        if is_whole and self._is_on_host:  # nothing is on its way that it could overtake
            self._write_step(record)
            return
        self._delivery.put(record, measured)
        self._write_ready()

    def write(self, record: Fields) -> None:
        """Write at once what is not a step: after the steps before it, for which this waits."""
        self._write_ready(wait=True)
        self._append(record)

    def close(self) -> None:
        """Everything written is on disk, and how many records are not has been said."""
        self._writer.close()
        if self._writer.error is not None:
            lost, path, error = self._writer.num_lost, self._writer.path, self._writer.error
            _LOGGER.warning("%d records are not in %s: %s", lost, printable(str(path)), error)

    def _append(self, record: Fields) -> None:
        """A record at the end of the log; the first that the disk refuses is said, and training goes on."""
        if not self._writer.write(record) and self._writer.num_lost == 1:
            path, error = printable(str(self._writer.path)), self._writer.error
            _LOGGER.warning("cannot write to the log %s: %s; training goes on without it", path, error)

    def _write_ready(self, *, wait: bool = False) -> None:
        for record in self._delivery.ready(wait=wait):
            self._write_step(record)

    def _write_step(self, record: Fields) -> None:
        if self._initial is not None and self._needs_initial:
            activations = {name: record[name] for name in _OF_INITIAL if name in record}
            self._initial = {"step": record["step"], **self._initial, **activations}
            self._append({"kind": "initial", **self._initial})
            self._needs_initial = False
            record.pop("activation_rms", None)
        self._append(record)


def _created(path: Path) -> LogWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return LogWriter.create(path)
    except FileExistsError:
        raise FileExistsError(
            f"{path} exists and a log is never overwritten; choose another path, or pass resume=True"
        ) from None


def _reopened(path: Path, first_step: int) -> LogWriter:
    writer, torn_bytes = LogWriter.reopen(path)
    torn = {"torn_bytes": torn_bytes} if torn_bytes else {}
    writer.write({"kind": "resume", "step": first_step, **torn})
    return writer


def require_known(fields: Mapping[str, Any], table: Mapping[str, Field]) -> None:
    """Every field is one of this kind of record.

    Raises:
        TypeError: one is not; the message has the nearest name.
    """
    for name in fields:
        if name not in table:
            near = difflib.get_close_matches(name, table, n=1)
            raise TypeError(
                f"the log has no field {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
