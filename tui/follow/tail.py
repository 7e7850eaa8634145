"""A file that grows to batches of records, whatever happens to the file.

Polling `stat` each 25 ms costs 0.3 % of a core, works on network disks and needs no dependency. A file that
was truncated and has grown past the old offset again looks like growth to `stat`: the bytes at its beginning
and those before the offset give it away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

from flight_recorder.tui.follow import fingerprint, index
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.intake import Intake
from flight_recorder.tui.follow.newest import newest_part
from flight_recorder.tui.follow.stored import Stored
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import is_binary_head
from flight_recorder.tui.sources.locate.recorded import logs_in, parts_of
from flight_recorder.tui.sources.parser import SourceOptions

if TYPE_CHECKING:
    from hashlib import _Hash

POLL_INTERVAL_S = 0.025
BLOCK_BYTES = 2**18
WITNESS_BYTES = 256
QUICK_INDEX_BYTES = 64 * 2**20
"""An index below this size is read before anyone misses a preview."""
RELOCATE_INTERVAL_S = 1.0
"""How often a folder is asked whether its log goes on in another file."""

Clock = Callable[[], float]


@dataclass(slots=True)
class _OpenFile:
    """A file on its way: the descriptor, how far it was read, and what stood there."""

    descriptor: int
    identity: tuple[int, int]
    offset: int = 0
    first: bytes = b""
    before_offset: bytes = b""
    seen: tuple[int, int] | None = None
    sum_: _Hash = field(default_factory=fingerprint.new)
    """Of all bytes before `offset`, as they were when they were read."""

    @classmethod
    def open(cls, path: Path) -> _OpenFile:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        state = os.fstat(descriptor)
        return cls(descriptor, (state.st_dev, state.st_ino))

    def is_rewritten(self) -> bool:
        """Whether the bytes that were read are no longer there: cut off, or others in their place."""
        start = self.offset - len(self.before_offset)
        return (
            os.pread(self.descriptor, len(self.first), 0) != self.first
            or os.pread(self.descriptor, len(self.before_offset), start) != self.before_offset
        )

    def skip_to(self, offset: int, sum_: _Hash) -> None:
        """What stands before this byte was read at another time, and this is its sum now."""
        self.offset, self.sum_ = offset, sum_
        self.first = os.pread(self.descriptor, min(WITNESS_BYTES, offset), 0)
        start = max(0, offset - WITNESS_BYTES)
        self.before_offset = os.pread(self.descriptor, offset - start, start)

    def take(self, num_bytes: int) -> bytes:
        """The next bytes. NUL bytes that end a text are left: blocks that the disk has not written yet."""
        data = os.pread(self.descriptor, num_bytes, self.offset)
        if len(data) < num_bytes and not is_binary_head(self.first or data):
            data = data.rstrip(b"\0")
        self.offset += len(data)
        self.sum_.update(data)
        self.first += data[: WITNESS_BYTES - len(self.first)]
        self.before_offset = (self.before_offset + data[-WITNESS_BYTES:])[-WITNESS_BYTES:]
        return data


class Follower:
    """One log, followed from its first byte, from before it exists until long after it was replaced.

    `poll` never waits for a record and never loses one. A folder is followed as its newest log. The clocks
    are for tests: `clock` is monotonic, `wall` is compared with the file's time of change, once, at opening.
    `find` gives the logs of a folder, the one to follow first. With `newest_first` a large log begins with a
    preview of its newest part, and what its index knows is not read again.
    """

    def __init__(
        self,
        path: Path,
        options: SourceOptions | None = None,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        find: Callable[[Path], list[Path]] = logs_in,
        newest_first: bool = False,
    ) -> None:
        self.path = path
        self._options = options
        self._newest_first = newest_first
        self._openings = [self._preview, self._indexed] if newest_first else []
        self._log = path
        self._clock = clock
        self._wall = wall
        self._find = find
        self._file: _OpenFile | None = None
        self._intake = Intake(str(path), options)
        self._size = 0
        self._is_drained = False
        self._is_live = False
        self._relocated_at = clock()

    @property
    def log(self) -> Path | None:
        """The log that was found in a folder; None before, and where a file was named."""
        return None if self._log == self.path else self._log

    @property
    def pulse(self) -> Pulse:
        """How the writer is doing, as of the last batch."""
        return self._intake.pulse

    @property
    def is_caught_up(self) -> bool:
        """Whether everything in the file was handed out at the last poll."""
        return self._is_drained and not self._intake.num_waiting

    def poll(self, limit_records: int = 2000, limit_s: float = 0.05) -> Batch | None:
        """What is new, at most `limit_records` and about `limit_s` seconds of reading; None for nothing.

        A change of the pulse alone is news too: a batch without records.

        Raises:
            CannotRead: the file is of no known format or may not be read.
        """
        try:
            self._look()
            assert self._file is not None
            while self._openings:
                if (batch := self._openings.pop(0)(self._file)) is not None:
                    return batch
            self._read(limit_records, limit_s)
        except FileNotFoundError:
            self._is_drained = True  # not there yet, or deleted: what was read stays true
        except PermissionError as error:
            raise CannotRead(f"{self._log} may not be read: {error.strerror}.") from error
        except OSError:
            self.close()  # a network disk that went away; the next poll looks again
        now = self._clock()
        batch = self._intake.batch(limit_records, now, self._size, self._is_live)
        self._is_live = self._is_live or self.is_caught_up
        return batch

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    def _look(self) -> None:
        """Open the file, or notice that it grew, is another one, or was written anew."""
        self._relocate()
        found = self._log.stat()
        if S_ISDIR(found.st_mode):
            found = self._enter_folder()
        if self._file is not None and self._file.identity != (found.st_dev, found.st_ino):
            self._start_over()
        if self._file is None:
            self._open()
        assert self._file is not None
        state = os.fstat(self._file.descriptor)
        self._notice(self._file, state.st_size, state.st_mtime_ns)

    def _notice(self, file: _OpenFile, size: int, changed_at: int) -> None:
        self._size = size
        if (size, changed_at) == file.seen:
            return
        if file.seen is not None:
            if (self._intake.is_whole and file.offset) or file.is_rewritten():
                self._start_over()
                self._open()
            assert self._file is not None
            file = self._file
            self._intake.heart.grew(self._clock())
        file.seen = (size, changed_at)
        self._is_drained = False

    def _enter_folder(self) -> os.stat_result:
        logs = self._find(self._log)
        if not logs:
            raise FileNotFoundError(self._log)
        self._log = logs[0]
        return self._log.stat()

    def _relocate(self) -> None:
        """Turn to the file in which the log of a folder goes on, if it does."""
        now = self._clock()
        if self._log == self.path or not self._is_drained or now - self._relocated_at < RELOCATE_INTERVAL_S:
            return
        self._relocated_at = now
        newest = parts_of(self.path, self._log)[-1]
        if newest != self._log:
            self._log = newest
            self._start_over()

    def _open(self) -> None:
        self._file = _OpenFile.open(self._log)
        self._intake.is_at(self._log)
        for part in parts_of(self.path, self._log)[:-1]:
            self._intake.take(part.read_bytes())
        self._intake.heart.silent_for(self._wall() - self._log.stat().st_mtime)

    def _preview(self, file: _OpenFile) -> Batch | None:
        if 0 < index.num_bytes(self._log) < QUICK_INDEX_BYTES:
            return None
        silent_s = self._wall() - os.fstat(file.descriptor).st_mtime
        return newest_part(file.descriptor, self._size, self._clock(), silent_s, self._options)

    def _indexed(self, file: _OpenFile) -> Batch | None:
        if not self._may_use_index() or (found := index.read(self._log, file.descriptor)) is None:
            return None
        stored, sum_ = found
        file.skip_to(stored.offset, sum_)
        self._intake.go_on_from(stored)
        return self._intake.batch(0, self._clock(), self._size)

    def store(self, stored: Stored, is_true: Callable[[], bool]) -> None:
        """Write the index of the log, which says `stored` up to some byte, unless it is another log now."""
        file = self._file
        if file is None or not self._may_use_index() or file.offset < stored.offset:
            return
        read_to, sum_ = file.offset, file.sum_
        index.write(self._log, file.descriptor, stored, read_to, sum_, is_true)

    def _may_use_index(self) -> bool:
        """Only for a log that is read as it is: facts that were given now are not those of another time."""
        return self._newest_first and not (self._options and self._options.facts)

    def _start_over(self) -> None:
        self.close()
        self._intake.start_over()
        self._is_drained = self._is_live = False

    def _read(self, limit_records: int, limit_s: float) -> None:
        assert self._file is not None
        deadline = self._clock() + limit_s
        while not self._is_drained and self._intake.num_waiting < limit_records:
            data = self._file.take(BLOCK_BYTES)
            if data:
                self._intake.take(data)
            self._is_drained = not data
            if self._clock() >= deadline:
                break
        if self._is_drained:
            self._intake.settle(self._clock())
