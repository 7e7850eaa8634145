"""Standard output that may be lost: a terminal that was closed, a pipe that nobody reads any more.

A run over SSH outlives its connection, and a training of days must not die of a line of progress.
"""

from __future__ import annotations

import os
import sys
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
    """From now on neither standard output nor standard error raises when its reader is gone."""
    sys.stdout = LosableStream(sys.stdout)
    sys.stderr = LosableStream(sys.stderr)
