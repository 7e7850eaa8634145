"""Records to the end of a log: one record, one write, nothing buffered.

What `write` has returned from survives the death of the process; a power cut may lose the last second,
because the disk is asked to keep its promise (fdatasync) once a second and at every record that matters.
"""

from __future__ import annotations

import errno
import itertools
import os
import time
from pathlib import Path

from engine.runlog.codec import Record, encode
from engine.runlog.schema import KINDS

SYNC_INTERVAL_S = 1.0
SYNCED_KINDS = frozenset({"header", "evaluation", "checkpoint", "resume", "exit"})


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
        self._synced_at = time.monotonic()
        self._stands_after_stump = False

    @classmethod
    def create(cls, path: Path) -> LogWriter:
        """Start a new log.

        Raises:
            FileExistsError: there is one already; it is never overwritten.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return cls(os.open(path, flags, 0o644), path)

    @classmethod
    def reopen(cls, path: Path) -> tuple[LogWriter, int]:
        """Continue a log, and say how long its torn last line was.

        A torn line is first copied to a file beside the log, then cut off: nothing is lost and the next
        record starts on a line of its own.

        Raises:
            OSError: there is no such log, or no room for the copy; the log is as it was.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
        try:
            torn = _torn_tail(descriptor)
            if torn:
                end = os.fstat(descriptor).st_size - len(torn)
                _put_aside(torn, path, end)
                os.ftruncate(descriptor, end)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor, path), len(torn)

    def write(self, record: Record) -> bool:
        """Append one record; True when the whole line is in the file."""
        assert record["kind"] in KINDS, record["kind"]
        line = encode({"kind": record["kind"], "time": round(time.time(), 3), **record})
        if self._stands_after_stump:
            line = b"\n" + line
        start = -1
        try:
            start = os.fstat(self._descriptor).st_size
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
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self.error = self.error or error
        os.close(self._descriptor)

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
