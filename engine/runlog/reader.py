"""Bytes of a log to records, however the bytes arrive.

The newline is the mark of a whole record and the mark at which reading resumes after damage. Half a line at
the end is not damage, it is a line that is still being written: its bytes wait for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from flight_recorder.engine.runlog.codec import DamagedLine, Record, decode, decode_lines
from flight_recorder.engine.runlog.schema import FORMAT_VERSION, KINDS, REQUIRED

MAX_LINE_BYTES = 32 * 2**20
"""A line longer than this is damage: no record comes near it, and it must not eat the memory."""

FAST_BYTES = 65_536
"""Lines that are parsed in one go: measured the fastest, and damage sends no more than this the slow way."""

MAX_STEP = 2**53
"""Steps are below this: whole numbers that survive a double."""


class UnsupportedVersion(ValueError):
    """The log was written in a newer major version of the format."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A stretch of the log that is no record: where it is, how long it is and what is wrong with it."""

    offset: int
    num_bytes: int
    reason: str


@dataclass
class LogReader:
    """Turns chunks of bytes, cut anywhere, into the records that end in them.

    Attributes:
        offset: bytes consumed up to and including the last complete line.
        damaged: every stretch that was skipped.
        unknown_kinds: how often each kind was met that the schema does not know; such records are dropped.
    """

    offset: int = 0
    damaged: list[Damaged] = field(default_factory=list)
    unknown_kinds: dict[str, int] = field(default_factory=dict)
    _rest: bytearray = field(default_factory=bytearray)
    _skipping_from: int | None = None

    @property
    def torn_bytes(self) -> int:
        """Length of the line that has no newline yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes, in order.

        Raises:
            UnsupportedVersion: a header of a newer major version.
        """
        if b"\n" not in data:
            self._hold(data)
            return []
        head, _, tail = data.rpartition(b"\n")
        block = bytes(self._rest) + head
        self._rest.clear()
        records = self._records(block)
        self._hold(tail)
        return records

    def _records(self, block: bytes) -> list[Record]:
        """Records of whole lines; `block` has no newline at its end."""
        records: list[Record] = []
        start = 0
        while start <= len(block):
            end = block.find(b"\n", start + FAST_BYTES)
            part = block[start:] if end < 0 else block[start:end]
            start += len(part) + 1
            sound = None if self._skipping_from is not None else _sound(part)
            records += self._careful(part) if sound is None else sound
            self.offset += 0 if sound is None else len(part) + 1
        return records

    def _careful(self, block: bytes) -> list[Record]:
        """The same line by line: damage is noted with its offset, and costs no more than its line."""
        records = []
        for line in block.split(b"\n"):  # unlike splitlines: a carriage return does not end a line
            record = self._record(line + b"\n")
            if record is not None:
                records.append(record)
            self.offset += len(line) + 1
        return records

    def _hold(self, data: bytes) -> None:
        """Keep a line's beginning until its newline comes; give up on one that never ends."""
        self._rest += data
        if len(self._rest) > MAX_LINE_BYTES:
            if self._skipping_from is None:
                self._skipping_from = self.offset
            self.offset += len(self._rest)
            self._rest.clear()

    def _record(self, line: bytes) -> Record | None:
        if self._skipping_from is not None:
            length = self.offset + len(line) - self._skipping_from
            self.damaged.append(Damaged(self._skipping_from, length, f"longer than {MAX_LINE_BYTES} bytes"))
            self._skipping_from = None
            return None
        if line.isspace():
            return None
        try:
            return self._checked(decode(line))
        except DamagedLine as error:
            self.damaged.append(Damaged(self.offset, len(line), str(error)))
            return None

    def _checked(self, record: Record) -> Record | None:
        kind = record.get("kind")
        if not isinstance(kind, str):
            raise DamagedLine("no kind")
        if kind not in KINDS:
            self.unknown_kinds[kind] = self.unknown_kinds.get(kind, 0) + 1
            return None
        for name in REQUIRED[kind]:
            if name not in record:
                raise DamagedLine(f"{kind} without {name}")
        step = record.get("step", 0)
        if type(step) is not int or not 0 <= step < MAX_STEP:
            raise DamagedLine(f"{kind} whose step is not a whole number")
        if kind == "header":
            _refuse_newer_major(record)
        return record


def _sound(block: bytes) -> list[Record] | None:
    """The records of a block in which every line is plainly one that needs no more looking at, else None."""
    records = decode_lines(block)
    if records is None:
        return None
    try:
        kinds = set(map(_KIND, records))
        steps = list(map(_STEP, records))
    except (KeyError, TypeError):
        return None
    if not kinds <= _PLAIN_KINDS or set(map(type, steps)) != {int}:
        return None
    return records if min(steps) >= 0 and max(steps) < MAX_STEP else None


_KIND, _STEP = itemgetter("kind"), itemgetter("step")
_PLAIN_KINDS = frozenset(kind for kind, names in REQUIRED.items() if names == ("step",))


def _refuse_newer_major(header: Record) -> None:
    major = str(header["format"]).split(".")[0]
    ours = FORMAT_VERSION.split(".")[0]
    if not major.isdigit():
        raise DamagedLine(f"header with format {header['format']!r}")
    if int(major) > int(ours):
        raise UnsupportedVersion(
            f"The log is in format {header['format']}, this program reads up to {ours}.x; "
            "install a newer version."
        )


def read_log(path: Path) -> tuple[list[Record], LogReader]:
    """Every whole record of a log on disk, and the reader that knows about damage and torn bytes.

    Raises:
        OSError: the file cannot be read.
        UnsupportedVersion: a header of a newer major version.
    """
    reader = LogReader()
    records: list[Record] = []
    with path.open("rb") as file:
        while block := file.read(2**20):
            records += reader.feed(block)
    return records, reader
