"""What a user is told when a log cannot be read."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

from flight_recorder.engine.runlog.codec import Record

DEBUG = "TUI_DEBUG"
"""Environment variable: set to 1, an error of this program shows where it happened."""


class CannotRead(Exception):
    """Nothing can be read from here. The message is one sentence for the user: what is wrong, what to do."""


class ReadingStopped(CannotRead):
    """The program failed in the middle of a log. What was read before stays true."""


class Interrupted(Exception):
    """A parser failed, which is its `cause`; `records` are those that it had completed before."""

    def __init__(self, records: Sequence[Record], cause: Exception) -> None:
        super().__init__(str(cause))
        self.records, self.cause = records, cause


def own_error(error: BaseException) -> str:
    """What to say of an error that is this program's own: one sentence, and with TUI_DEBUG=1 where it was."""
    words = " ".join(str(error).split())[:200]
    said = f"{type(error).__name__}{': ' if words else ''}{words}"
    if os.environ.get(DEBUG) == "1":
        return f"{said}\n{''.join(traceback.format_exception(error)).rstrip()}"
    return f"{said} (run again with {DEBUG}=1 for the traceback, and please report it)"


def stopped(error: BaseException, offset: int) -> str:
    """The same of one that ended the reading of a log at a byte."""
    return f"reading stopped at byte {offset:,}: {own_error(error)}"
