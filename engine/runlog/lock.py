"""One writer for each log: a lock of the kernel on the log itself, which ends with the process that holds it.

It lies on the open file (flock), so nothing is left behind by kill -9 and readers are not disturbed. Where
the file system knows no locks, as some network mounts do, there is none.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_HELD_BY_ANOTHER = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_KERNELS_LIST = Path("/proc/locks")


class LogInUse(BlockingIOError):
    """Another process writes this log; the message names it where it is known."""

    def __str__(self) -> str:
        return str(self.strerror)


def lock(descriptor: int, path: Path) -> None:
    """This process writes the log at `path` from now on, until the descriptor is closed.

    Raises:
        LogInUse: another process does.
    """
    try:
        import fcntl
    except ImportError:  # no such thing on this system
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_BY_ANOTHER:
            raise LogInUse(
                errno.EWOULDBLOCK, f"{_holder(descriptor)} is writing {path}; wait for it or stop it first"
            ) from None


def refuse_if_in_use(path: Path) -> None:
    """Take the lock of a log and let it go again.

    Raises:
        LogInUse: another process writes it.
        OSError: there is no such log, or it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        lock(descriptor, path)
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Who has the lock, from the kernel's own list of those on this machine."""
    status = os.fstat(descriptor)
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        rows = [row.split() for row in _KERNELS_LIST.read_text().splitlines()]
    except OSError:
        rows = []
    for row in rows:  # 1: FLOCK ADVISORY WRITE 4711 fd:00:123456 0 EOF
        if len(row) > 5 and row[5] == file and int(row[4]) > 0:
            return f"process {row[4]}"
    return "another process, here or on another machine,"
