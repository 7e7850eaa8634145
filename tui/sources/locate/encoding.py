"""Text in any encoding as UTF-8: told from its first bytes, changed as it comes."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENOUGH = 64
"""Bytes by which text of two bytes a character is told from a hole of zeros and from a binary file."""


class Transcoder:
    """Bytes in, UTF-8 out. Other encodings need none: digits and names in ASCII survive any of them.

    PowerShell's `>` writes UTF-16, with a mark in front or without.
    """

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held = b""
        self._is_told = False

    @property
    def num_bytes_per_character(self) -> int:
        """Bytes of the file for one byte of plain text."""
        return 1 if self._decoder is None else 2

    def changed(self, data: bytes) -> bytes:
        """The same text in UTF-8, as far as it is whole."""
        if not self._is_told:
            data, self._held = self._held + data, b""
            if len(data) < 4:
                self._held = data
                return b""
            self._is_told = True
            if encoding := _encoding_of(data):
                self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        return data if self._decoder is None else self._decoder.decode(data).encode("utf-8", errors="replace")

    def rest(self) -> bytes:
        """What was held back because it was too short to tell."""
        self._is_told, held = True, self._held
        self._held = b""
        return held


def _encoding_of(head: bytes) -> str:
    """The encoding if it is one of several bytes a character; empty for any other."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if head[0] and head[2] and not head[1] and not head[3]:
        return "utf-16-le"
    return "utf-16-be" if head[1] and head[3] and not head[0] and not head[2] else ""
