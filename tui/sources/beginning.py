"""What a file is, told from its beginning, without reading the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tui.sources.errors import CannotRead
from tui.sources.parser import SourceOptions
from tui.sources.recognise import Recognising, is_binary_head

HEAD_BYTES = 2**18
"""How much of a file is looked at to tell whether it is a log."""


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
    head, block = Recognising(str(path), options), b""
    try:
        with path.open("rb") as file:
            block = file.read(HEAD_BYTES)
        head.feed(block)
        if not head.format and len(block) < HEAD_BYTES:
            head.finish()
    except OSError:
        return Beginning(False)
    except CannotRead as error:
        return Beginning(is_binary_head(block), refusal=str(error))
    return Beginning(bool(head.format), head.format)
