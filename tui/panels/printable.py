"""The one way for text out of a log to a terminal, and to JSON: as text that can do nothing there."""

from __future__ import annotations

import re
import unicodedata

from flight_recorder.engine.runlog.printable import LONGEST as LONGEST
from flight_recorder.engine.runlog.printable import UNSEEN
from flight_recorder.engine.runlog.printable import printable as printable

_BEYOND = re.compile("[\x7f-\U0010ffff]")


def escaped(json_text: str) -> str:
    """The same JSON, with every character that is not seen or that moves others written as an escape."""
    return (
        json_text if json_text.isascii() and json_text.isprintable() else _BEYOND.sub(_as_escape, json_text)
    )


def _as_escape(match: re.Match[str]) -> str:
    if unicodedata.category(match[0]) not in UNSEEN:
        return match[0]
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
