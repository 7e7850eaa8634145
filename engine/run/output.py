"""Standard output that may be lost: a terminal that was closed, a pipe that nobody reads any more.

A run over SSH outlives its connection, and a training of days must not die of a line of progress.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any, TextIO


class LosableStream:
    """The stream, until writing to it fails; from then on what is written goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text where there is still somebody to read it."""
        try:
            return self._stream.write(text)
        except OSError:
            self._let_go()
            return len(text)

    def flush(self) -> None:
        """The same with what was buffered."""
        try:
            self._stream.flush()
        except OSError:
            self._let_go()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _let_go(self) -> None:
        """Put nothing in the place of what is gone: the interpreter flushes once more when it ends."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)


def outlive_the_terminal() -> None:
    """From now on neither standard output nor standard error raises, whatever has become of its reader.

    Characters that its encoding lacks are written as escapes.
    """
    sys.stdout, sys.stderr = _losable(sys.stdout), _losable(sys.stderr)


def _losable(stream: TextIO | None) -> LosableStream:
    if stream is None:  # closed before this program began
        stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return LosableStream(stream)
