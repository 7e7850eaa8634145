"""Writing what a report leaves behind: whole or not at all, and never anywhere but where it was asked for."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_artefact(path: Path, text: str) -> None:
    """The file holds exactly this text.

    It is written under a temporary name in the same folder and renamed, so that a reader never meets half
    of it. A link that stands at `path` is replaced, not followed.

    Raises:
        OSError: the folder cannot be written to; nothing is left behind.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # O_EXCL follows no link
    try:
        with os.fdopen(os.open(unfinished, flags, 0o644), "wb") as file:
            file.write(text.encode("utf-8", errors="replace"))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError):  # the user knows the final name, not ours
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
