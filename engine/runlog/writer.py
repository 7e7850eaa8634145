"""Records to the end of a log: one record, one write, nothing buffered.

What `write` has returned from survives the death of the process; a power cut may lose the last second,
because the disk is asked to keep its promise (fdatasync) once a second and at every record that matters.

A log has one writer: between processes by a lock, and within one the later writer goes on while the earlier
falls silent, as when a loop is started again in the same notebook.
"""

from __future__ import annotations

import errno
import itertools
import os
import time
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.engine.runlog.lock import lock
from flight_recorder.engine.runlog.schema import KINDS

SYNC_INTERVAL_S = 1.0
SYNCED_KINDS = frozenset({"header", "evaluation", "checkpoint", "resume", "exit"})

_OF_THIS_PROCESS: dict[tuple[int, int], LogWriter] = {}
"""By device and inode, the one writer of each log that is open here."""


class LogWriter:
    """Appends records to one log file.

    A failed write never raises: a monitor must not kill the run that it records. The first failure is
    remembered in `error` for the owner to report once; `num_lost` counts the records that are not on disk.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        self.num_lost = 0
        self._descriptor = descriptor
        self._file = (0, 0)
        self._synced_at = time.monotonic()
        self._stands_after_stump = False

    @classmethod
    def create(cls, path: Path) -> LogWriter:
        """Start a new log.

        Raises:
            FileExistsError: there is one already; it is never overwritten.
            LogInUse: another process continues it already.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        writer = cls(os.open(path, flags, 0o644), path)
        writer._claim()
        return writer

    @classmethod
    def reopen(cls, path: Path) -> tuple[LogWriter, int]:
        """Continue a log, and say how long its torn last line was.

        A torn line is first copied to a file beside the log, then cut off: nothing is lost and the next
        record starts on a line of its own.

        Raises:
            LogInUse: another process writes it.
            OSError: there is no such log, or no room for the copy; the log is as it was.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
        writer = cls(descriptor, path)
        writer._claim()
        try:
            torn = _torn_tail(descriptor)
            if torn:
                end = os.fstat(descriptor).st_size - len(torn)
                _put_aside(torn, path, end)
                os.ftruncate(descriptor, end)
        except OSError:
            writer._let_go()
            raise
        return writer, len(torn)

    def write(self, record: Record) -> bool:
        """Append one record; True when the whole line is in the file. An `exit` says how many are not."""
        assert record["kind"] in KINDS, record["kind"]
        if self._descriptor < 0:
            return False
        begin: Record = {"kind": record["kind"], "time": round(time.time(), 3)}
        if record["kind"] == "exit" and self.num_lost:
            begin["num_lost"] = self.num_lost
        line = encode(begin | record)
        if self._stands_after_stump:
            line = b"\n" + line
        start = -1
        try:
            status = os.fstat(self._descriptor)
            if not status.st_nlink:
                raise OSError(errno.ENOENT, "it was deleted or replaced while it was written")
            start = status.st_size
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, "the disk took only part of a record")
        except OSError as error:
            self._give_up(error, start)
            return False
        self._stands_after_stump = False
        self._sync(record["kind"])
        return True

    def close(self) -> None:
        """Everything written is on disk; the writer is of no more use."""
        if self._descriptor < 0:
            return
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self.error = self.error or error
        self._let_go()

    def _claim(self) -> None:
        """This is the only writer of its log from here on.

        Raises:
            LogInUse: another process has one; this one is closed.
        """
        status = os.fstat(self._descriptor)
        self._file = status.st_dev, status.st_ino
        if self._file in _OF_THIS_PROCESS:
            _OF_THIS_PROCESS[self._file]._let_go()
        try:
            lock(self._descriptor, self.path)
        except OSError:
            self._let_go()
            raise
        _OF_THIS_PROCESS[self._file] = self

    def _let_go(self) -> None:
        """The lock ends with the descriptor; whatever is written from now on is nowhere, and not counted."""
        if _OF_THIS_PROCESS.get(self._file) is self:
            del _OF_THIS_PROCESS[self._file]
        os.close(self._descriptor)
        self._descriptor = -1

    def _give_up(self, error: OSError, start: int) -> None:
        """Take back a half-written line, so that the next record does not grow out of its stump.

        Where that fails too, the next record begins with a newline of its own.
        """
        self.error = self.error or error
        self.num_lost += 1
        if start < 0:
            return
        try:
            os.ftruncate(self._descriptor, start)
        except OSError:
            self._stands_after_stump = True

    def _sync(self, kind: str) -> None:
        now = time.monotonic()
        if kind not in SYNCED_KINDS and now - self._synced_at < SYNC_INTERVAL_S:
            return
        self._synced_at = now
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self.error = self.error or error


def _put_aside(torn: bytes, path: Path, end: int) -> None:
    """A torn tail that began at `end` lies beside the log, under a name that nothing had."""
    for number in itertools.count():
        name = f"{path.name}.torn-{end}" + (f"-{number}" if number else "")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(path.with_name(name), flags, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(torn)
            file.flush()
            os.fsync(descriptor)
        return


def _torn_tail(descriptor: int) -> bytes:
    """The bytes after the last newline."""
    size = os.fstat(descriptor).st_size
    tail = b""
    while size > len(tail):
        length = min(65_536, size - len(tail))
        tail = os.pread(descriptor, length, size - len(tail) - length) + tail
        if b"\n" in tail:
            return tail.rpartition(b"\n")[2]
    return tail
