"""The index of a large log: what its records said up to some byte, as plain arrays, so that it opens at once.

It lies in the user's cache folder and never beside the log: what comes with a log, in an archive or a shared
folder, may be forged, and that could be seen only by reading the log. It is derived from the log and can
be deleted at any time. Everything in it is checked before it is used, and one that is damaged, of another
version, somebody else's, a link or about other bytes than those with which the log begins is passed over
without a word and written anew. TUI_INDEX=off in the environment switches it off.

    tui-index 2 little\\n     format version and byte order
    8 bytes                  length of the head
    head                     JSON: bytes covered, their fingerprint, names and lengths of the columns, facts
    arrays                   int64 and float64, one after the other in the order of the head
    4 bytes                  CRC-32 of everything before
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import MAX_STEP, Damaged, LogReader
from flight_recorder.tui.follow.fingerprint import fingerprints
from flight_recorder.tui.follow.stored import Stored, StoredColumn, StoredTable

if TYPE_CHECKING:
    from hashlib import _Hash

LEAST_BYTES = 8 * 2**20
"""A smaller log is read as fast as its index would be."""

_MAGIC = f"tui-index 2 {sys.byteorder}\n".encode()
_CHUNK_BYTES = 2**20
_MOST_TIMES_LOG = 16
"""An index is at most this many times as long as its log: two bytes of a list become two words of eight."""
_FREE_TIMES = 4
"""So many times its own size must be free on the disk: the run that is watched may need it."""
_ENDING = ".index"
_MOST_BYTES = 2**30
"""All indexes together."""
_Scalar = TypeVar("_Scalar", np.float64, np.int64)


def place_of(log: Path) -> Path | None:
    """Where the index of this log lies; None when it is switched off, or where there is no cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    is_off = os.environ.get("TUI_INDEX", "").lower() in ("off", "0", "no")
    if is_off or not os.path.isabs(base):  # noqa: PTH117
        return None
    name = blake2b(os.fsencode(log.absolute()), digest_size=16).hexdigest()
    return Path(base) / "tui" / f"{name}{_ENDING}"


def num_bytes(log: Path) -> int:
    """Length of the index that would be read, 0 where there is none."""
    place = place_of(log)
    try:
        return os.lstat(place).st_size if place else 0
    except OSError:
        return 0


def read(log: Path, descriptor: int) -> tuple[Stored, _Hash] | None:
    """What its index says of the log that is open as `descriptor`, and the sum of the bytes that it covers.

    None without a sound index of the very bytes with which the log begins.
    """
    place = place_of(log)
    try:
        return _read(place, descriptor) if place else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def write(
    log: Path, descriptor: int, stored: Stored, read_to: int, sum_: _Hash, is_true: Callable[[], bool]
) -> bool:
    """Write the index of this log, whole or not at all; whether it was.

    `sum_` is that of the first `read_to` bytes when they were parsed: if they are others now, what is known
    is not what stands in the log. `is_true` is asked after each piece: whether `stored` has not been changed
    meanwhile, and still matters.
    """
    place = place_of(log)
    try:
        covered, as_read = fingerprints(descriptor, (stored.offset, read_to))
        if place is None or as_read.digest() != sum_.digest():
            return False
        return _write(place, descriptor, stored, covered.hexdigest(), is_true)
    except OSError:
        return False


def _read(place: Path, descriptor: int) -> tuple[Stored, _Hash]:
    index = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(index, "rb", buffering=0) as file:
        state, log = os.fstat(index), os.fstat(descriptor)
        _require(stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid())
        _require(state.st_size <= _MOST_TIMES_LOG * log.st_size)
        source = _Source(file, state.st_size)
        head = _head(source)
        _require(0 < head["offset"] <= log.st_size)
        (covered,) = fingerprints(descriptor, (head["offset"],))
        _require(head["fingerprint"] == covered.hexdigest())
        tables = {str(kind): _table(source, *sizes) for kind, sizes in head["tables"].items()}
        source.close()
        stored = Stored(
            head["offset"],
            tables,
            _records(head["records"]),
            tuple((_count(step), str(field), value) for step, field, value in head["texts"]),
            tuple(Damaged(_count(at), _count(size), str(why)) for at, size, why in head["damaged"]),
            _count(head["num_out_of_order"]),
            {str(name): _count(count) for name, count in head["misshapen"].items()},
        )
        return stored, covered


def _head(source: _Source) -> dict[str, Any]:
    _require(source.take(len(_MAGIC)) == _MAGIC)
    head = json.loads(source.take(int.from_bytes(source.take(8), "little")))
    _require(isinstance(head, dict) and set(head["tables"]) == {"step", "evaluation"})
    _count(head["offset"])
    return dict(head)


def _table(source: _Source, num_rows: int, columns: list[Any]) -> StoredTable:
    steps = source.array(_count(num_rows), np.int64)
    _require(_is_increasing(steps, MAX_STEP))
    return StoredTable(steps, tuple(_column(source, num_rows, *column) for column in columns))


def _column(source: _Source, num_rows: int, name: str, num_values: int, has_rows: bool) -> StoredColumn:
    _require(isinstance(name, str) and 0 < _count(num_values) <= num_rows)
    rows = source.array(num_values, np.int64) if has_rows else None
    _require(rows is None or _is_increasing(rows, num_rows))
    return StoredColumn(name, source.array(num_values, np.float64), rows)


def _is_increasing(numbers: NDArray[np.int64], end: int) -> bool:
    """Whether these are increasing, from 0 on at the earliest to before `end` at the latest."""
    if not len(numbers):
        return True
    return bool(numbers[0] >= 0 and numbers[-1] < end and (numbers[1:] > numbers[:-1]).all())


def _records(lines: list[str]) -> tuple[Record, ...]:
    """The records in these lines, checked by the same reader as those of a log."""
    reader = LogReader()
    records = reader.feed("".join(f"{line}\n" for line in lines).encode())
    _require(not reader.damaged and len(records) == len(lines))
    _require(not {"step", "evaluation"} & {record["kind"] for record in records})
    return tuple(records)


def _count(value: Any) -> int:
    _require(type(value) is int and value >= 0)
    return int(value)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("no index of this log")


class _Source:
    """The bytes of an index, each of them once; no more memory is taken than there are bytes left."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size - 4
        self._crc = 0

    def take(self, num_bytes: int) -> bytes:
        """The next bytes."""
        _require(0 <= num_bytes <= self._left)
        data = bytearray(num_bytes)
        self._fill(memoryview(data))
        return bytes(data)

    def array(self, size: int, dtype: type[_Scalar]) -> NDArray[_Scalar]:
        """The next array."""
        _require(0 <= 8 * size <= self._left)
        array = np.empty(size, dtype)
        self._fill(array.data.cast("B") if size else memoryview(b""))
        return array

    def close(self) -> None:
        """Nothing may be left, and the sum must be right."""
        _require(self._left == 0 and self._file.read() == self._crc.to_bytes(4, "little"))

    def _fill(self, view: memoryview) -> None:
        self._left -= len(view)
        for start in range(0, len(view), _CHUNK_BYTES):
            chunk = view[start : start + _CHUNK_BYTES]
            _require(self._file.readinto(chunk) == len(chunk))  # type: ignore[attr-defined]
            self._crc = zlib.crc32(chunk, self._crc)


def _write(
    place: Path, descriptor: int, stored: Stored, fingerprint: str, is_true: Callable[[], bool]
) -> bool:
    if os.pread(descriptor, 1, stored.offset - 1) != b"\n":
        return False  # inside a line that is too long to be one
    head = _head_of(stored, fingerprint)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size = len(head) + sum(8 * len(array) for array in _arrays(stored))
    if shutil.disk_usage(place.parent).free < _FREE_TIMES * size:
        return False
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb", buffering=0) as out:
            heads = [_MAGIC, len(head).to_bytes(8, "little"), head]
            if not _write_all(out, heads, _arrays(stored), is_true):
                return False
        part.replace(place)  # takes the place of a link, and does not follow it
        _tidy(place.parent)
        return True
    finally:
        part.unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Keep the newest indexes: those of logs that are long gone would fill the folder."""
    files = [(path, path.lstat()) for path in folder.glob(f"*{_ENDING}*")]
    room = _MOST_BYTES
    for path, state in sorted(files, key=lambda file: -file[1].st_mtime):
        room -= state.st_size
        if room < 0:
            path.unlink(missing_ok=True)


def _write_all(
    out: BinaryIO, heads: list[bytes], arrays: Iterator[NDArray[Any]], is_true: Callable[[], bool]
) -> bool:
    crc = 0
    pieces = [
        *(memoryview(head) for head in heads),
        *(array.data.cast("B") for array in arrays if len(array)),
    ]
    for view in pieces:
        for start in range(0, len(view), _CHUNK_BYTES):
            chunk = view[start : start + _CHUNK_BYTES]
            crc = zlib.crc32(chunk, crc)
            while chunk:
                chunk = chunk[out.write(chunk) :]
            if not is_true():
                return False
    out.write(crc.to_bytes(4, "little"))
    return True


def _head_of(stored: Stored, fingerprint: str) -> bytes:
    head = {
        "offset": stored.offset,
        "fingerprint": fingerprint,
        "tables": {
            kind: [
                len(table.steps),
                [[column.name, len(column.values), column.rows is not None] for column in table.columns],
            ]
            for kind, table in stored.tables.items()
        },
        "records": [json.dumps(record) for record in stored.records],
        "texts": stored.texts,
        "damaged": [[damaged.offset, damaged.num_bytes, damaged.reason] for damaged in stored.damaged],
        "num_out_of_order": stored.num_out_of_order,
        "misshapen": dict(stored.misshapen),
    }
    data = json.dumps(head).encode()
    return data + b" " * (-(len(_MAGIC) + 8 + len(data)) % 8)


def _arrays(stored: Stored) -> Iterator[NDArray[Any]]:
    for table in stored.tables.values():
        yield table.steps
        for column in table.columns:
            if column.rows is not None:
                yield column.rows
            yield column.values
