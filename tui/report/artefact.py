"""Writing what a report leaves behind: whole or not at all, and never anywhere but where it was asked for."""

from __future__ import annotations

from pathlib import Path

from flight_recorder.engine.runlog.atomic_file import write_atomically


def write_artefact(path: Path, text: str) -> None:
    """The file holds exactly this text; a link that stands at `path` is replaced, not followed.

    Raises:
        OSError: the folder cannot be written to; nothing is left behind.
    """
    write_atomically(path, text.encode("utf-8", errors="replace"))
