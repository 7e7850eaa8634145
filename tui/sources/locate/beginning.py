"""What a file is, told from its beginning, without reading the rest."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

from flight_recorder.tui.sources.locate.recognise import Recognising, is_binary_head
from flight_recorder.tui.sources.parser import SourceOptions

HEAD_BYTES = 2**18
"""How much of a file is looked at to tell whether it is a log."""

FIRST_BYTES = 2**13
"""Enough for most: of a log that is recognised, the rest is not parsed for nothing."""


def without_waiting(path: Path) -> FileIO:
    """The file, opened so that a pipe without a writer and a device without news hold nobody up.

    Where it has nothing to give now, `read` returns None.
    """
    return FileIO(path, "r", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


@dataclass(frozen=True, slots=True)
class Beginning:
    """Whether a file is a log, in which format, and why it cannot be read, a sentence."""

    is_log: bool
    format: str = ""
    refusal: str = ""


def beginning_of(path: Path, options: SourceOptions | None = None) -> Beginning:
    """What this file is, by its beginning. A binary log is one whether or not its package is installed."""
    # Names that the user gave are looked for in the log that is read, not in whatever lies about.
    options = replace(options, names=dict(options.names)) if options else None
    head, block, is_over = Recognising(str(path), options), b"", False
    try:
        with without_waiting(path) as file:
            block = file.read(HEAD_BYTES) or b""
        for start, end in ((0, FIRST_BYTES), (FIRST_BYTES, HEAD_BYTES)):
            if not head.format:
                head.feed(block[start:end])
        is_over = not head.format and len(block) < HEAD_BYTES
        if is_over:
            head.finish()
    except OSError:
        return Beginning(False)
    except Exception as error:  # what a parser stumbles over is a log as well, and no fault of the others
        is_log = is_binary_head(block) or (bool(head.format) and not is_over)
        return Beginning(is_log, head.format, str(error))
    return Beginning(head.is_sure, head.format)
