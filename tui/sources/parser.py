"""What every source is: bytes in, records out, however the bytes are cut.

A foreign program's standard output is no log format: progress bars overwrite themselves with carriage
returns, colours and warnings stand between the numbers, several processes print into one another. So a text
source does not read lines, it looks at *pieces* (whatever ends in a newline or a carriage return) and finds
the records in them; a piece without one is somebody else's business and no damage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Protocol

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import MAX_LINE_BYTES, Damaged
from flight_recorder.tui.sources.endings import Ending, is_last_word
from flight_recorder.tui.sources.errors import Interrupted
from flight_recorder.tui.sources.naming.options import SourceOptions as SourceOptions
from flight_recorder.tui.sources.text import plain_text as plain_text
from flight_recorder.tui.sources.timeline import Timeline

BYTE_ORDER_MARK = "\ufeff"
"""What some programs put in front of UTF-8 text."""


_BACKSPACED = re.compile(rb"[^\x08]+\x08*|\x08+")


class Parser(Protocol):
    """One log on its way from bytes to records; any cutting of the bytes gives the same records."""

    @property
    def format(self) -> str:
        """Name of the format, for the status line and `--json`."""

    @property
    def is_whole(self) -> bool:
        """Whether the file is one document that is written anew, not a log that grows."""

    @property
    def promises_exit(self) -> bool:
        """Whether a log without a closing record means that the program died."""

    @property
    def offset(self) -> int:
        """Bytes consumed up to and including the last complete line, block or document."""

    @property
    def damaged(self) -> list[Damaged]:
        """Every stretch that should have been a record and is none."""

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes, in order."""

    def settle(self) -> list[Record]:
        """The records that were held back for what might have followed, when nothing followed for a while."""

    def finish(self) -> list[Record]:
        """The records that only the end of the file completes. A torn last line stays unread."""


class HeadParser(Parser, Protocol):
    """A format that is told from the first bytes of a file. Another package adds one by an entry point."""

    def __init__(self, options: SourceOptions | None = None) -> None: ...

    @classmethod
    def recognises_head(cls, head: bytes) -> bool:
        """Whether a file that begins like this is of this format; asked again as more of it comes."""


class TextParser:
    """A source of text: cuts bytes into pieces and asks the subclass for the records in each.

    Attributes:
        format: see Parser.
        offset: bytes consumed up to the last newline or carriage return.
        damaged: pieces that began like a record and are none, and pieces too long to be one.
        timeline: where the records of a subclass go through, see there.
        ending: what the program left behind its last record.
    """

    format: str
    is_whole: bool = False
    promises_exit: ClassVar[bool] = False
    closing_mark: ClassVar[str] = ""
    """How a whole record ends, where that can be told; lets `finish` read a last line without newline."""

    def __init__(self, options: SourceOptions | None = None) -> None:
        options = options or SourceOptions()
        self.options = options
        self.offset = 0
        self.damaged: list[Damaged] = []
        self.timeline = Timeline(self.format, options, self._damage)
        self.ending = Ending()
        self._rest = bytearray()
        self._piece_bytes = 0
        self._was_row = False  # whether the piece holds numbers of the run, which may come as a record later
        self._skipping = False

    def records_in(self, text: str) -> Iterable[Record]:
        """The records of one piece, already placed on the timeline.

        Raises:
            ValueError: the piece began like a record and is none; the message says why.
        """
        raise NotImplementedError

    def last_records(self) -> Iterable[Record]:
        """Records that were held back for what might have followed."""
        return ()

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes, in order."""
        cut = max(data.rfind(b"\n"), data.rfind(b"\r"), data.rfind(b"\b")) + 1
        if not cut:
            self._hold(data)
            return []
        block = bytes(self._rest) + data[:cut]
        self._rest.clear()
        records: list[Record] = []
        for piece in self._pieces(block):
            try:
                records += self._parsed(piece)
            except Exception as error:
                raise Interrupted(records, error) from error
            self.offset += len(piece)
        self._hold(data[cut:])
        return records

    def settle(self) -> list[Record]:
        """The records that were held back for what might have followed, and how the program ended.

        That goes past the timeline: if the run goes on after all, it has not ended, and was not resumed.
        """
        return [*self.last_records(), *self.ending.records(self.timeline.step)]

    def finish(self) -> list[Record]:
        """The records that only the end of the file completes."""
        records: list[Record] = []
        if self.closing_mark and bytes(self._rest).rstrip().endswith(self.closing_mark.encode()):
            piece = bytes(self._rest)
            records += self._parsed(piece)
            self.offset += len(piece)
            self._rest.clear()
        return records + self.settle()

    def _pieces(self, block: bytes) -> list[bytes]:
        """What a newline, a carriage return or a backspace ends."""
        pieces = block.splitlines(keepends=True)
        if b"\b" not in block:
            return pieces
        return [part for piece in pieces for part in _BACKSPACED.findall(piece)]

    def _hold(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > MAX_LINE_BYTES:
            if not self._skipping:
                self.damaged.append(
                    Damaged(self.offset, len(self._rest), f"longer than {MAX_LINE_BYTES} bytes")
                )
            self._skipping = True
            self.offset += len(self._rest)
            self._rest.clear()

    def _parsed(self, piece: bytes) -> list[Record]:
        if self._skipping:
            self._skipping = False
            return []
        text = plain_text(piece.decode("utf-8", errors="replace").rstrip("\r\n\b"))
        if not self.offset:
            text = text.lstrip(BYTE_ORDER_MARK)
        if not text or text.isspace():
            return []
        self._piece_bytes = len(piece)
        records: list[Record] = []
        try:
            for record in self.records_in(text):
                records.append(record)  # what came before the damage counts
        except ValueError as error:
            self._damage(str(error))
            return records
        if records:
            self.ending.goes_on(records)
        elif not self._was_row or self.ending.is_inside or is_last_word(text):
            self.ending.see(text)
        self._was_row = False
        return records

    def _damage(self, reason: str) -> None:
        """The piece that is being read, or a part of it, is no record."""
        self.damaged.append(Damaged(self.offset, self._piece_bytes, reason))
