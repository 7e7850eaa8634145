"""Entries at the end of a journal that people write in too."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


def append_to_journal(text: str, file: str | os.PathLike[str]) -> None:
    """The journal ends with this entry, a blank line before it; what was in it stays as it was.

    Entries that are appended at the same time come one after the other. An entry for which the disk has no
    room is taken back whole.

    Raises:
        OSError: the journal cannot be written to, or is a link.
    """
    path = Path(file)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "is a link; name the file that it points to", str(path))
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        entry = (_gap_after(os.pread(descriptor, 2, max(0, size - 2))) + text).encode("utf-8", "replace")
        _append_whole(descriptor, entry, size, path)
    finally:
        os.close(descriptor)


def _gap_after(end: bytes) -> str:
    if not end or end == b"\n\n":
        return ""
    return "\n" if end.endswith(b"\n") else "\n\n"


def _append_whole(descriptor: int, entry: bytes, size: int, path: Path) -> None:
    try:
        written = os.write(descriptor, entry)
        if written != len(entry):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
