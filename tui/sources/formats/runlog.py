"""Our own log: engine.runlog reads it, this file only makes it a source like the others."""

from __future__ import annotations

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode
from flight_recorder.engine.runlog.reader import Damaged, LogReader, UnsupportedVersion
from flight_recorder.engine.runlog.schema import KINDS
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions


class RunlogParser:
    """Source for inspector.log.jsonl; promises an exit record. It begins at byte `offset` of the log."""

    format = "runlog"
    promises_exit = True
    is_whole = False

    def __init__(self, options: SourceOptions | None = None, offset: int = 0) -> None:
        self._facts = dict((options or SourceOptions()).facts)
        self._facts.pop("lr_lag", None)  # of the Trainer's own lines; here `lr` is the rate of the step
        self._reader = LogReader(offset)

    @property
    def offset(self) -> int:
        """Bytes up to and including the last complete line."""
        return self._reader.offset

    @property
    def damaged(self) -> list[Damaged]:
        """Every stretch that was skipped."""
        return self._reader.damaged

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes.

        Raises:
            CannotRead: the log is in a newer major version of the format.
        """
        try:
            records = self._reader.feed(data)
        except UnsupportedVersion as error:
            raise CannotRead(str(error)) from error
        if self._facts:
            return [record | self._facts if record["kind"] == "header" else record for record in records]
        return records

    @classmethod
    def recognises(cls, text: str, is_first: bool, options: SourceOptions) -> bool:
        """Whether this line is a record of ours."""
        if not text.startswith("{") or '"kind"' not in text:
            return False
        try:
            return decode(text.encode()).get("kind") in KINDS
        except DamagedLine:
            return False

    def settle(self) -> list[Record]:
        """Nothing: no record is ever held back."""
        return []

    def finish(self) -> list[Record]:
        """Nothing: a line without its newline is still being written or was torn."""
        return []
